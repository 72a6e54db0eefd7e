"""The tab around a tool: how it is opened, and what it shows when the session ends."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_objects import (
    CONNECT,
    START,
    STOP,
    add_studio,
    open_session,
    run_studio,
    sign_in_at_session,
    start_studio,
    studio_card,
    tool_frame,
)
from tests.server import Server

OPEN_SOCKET = "new Promise((open) => { (window.socket = new WebSocket(`ws://${location.host}/ws`)).onopen = () => open() })"
CONNECTED = "query ($id: ID!) { studio(id: $id) { connectedUsers { user { displayName } } } }"


@pytest.mark.behaviour("B58")
async def test_an_ordinary_stop_is_told_calmly_and_names_who_did_it_once(signed_in: Page, graces_tab: Page, server: Server) -> None:
    studio = await add_studio(server)
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await open_session(graces_tab, server, studio, server.world.secret)
    await server.graphql(STOP, {"id": studio})
    overlay = graces_tab.locator("#overlay")
    await expect(overlay).to_be_visible()
    text = await overlay.inner_text()
    assert text.startswith("The Studio is stopped")
    assert text.count("ada") == 1
    assert text.rstrip().endswith("Code: STUDIO_STOPPED")
    await expect(graces_tab.locator("#state")).to_have_attribute("data-tone", "idle")


@pytest.mark.behaviour("B84")
async def test_a_waiting_tab_shows_what_the_start_does(signed_in: Page, graces_tab: Page, server: Server) -> None:
    studio = await add_studio(server, environment=[{"key": "TINY_DELAY", "value": "3"}])
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await open_session(graces_tab, server, studio, server.world.secret)
    await server.graphql(STOP, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    await server.graphql(START, {"id": studio})
    await expect(graces_tab.locator("#overlay-step")).to_have_text("Wait for the tool to answer")
    await expect(graces_tab.locator("#overlay")).to_be_hidden()


@pytest.mark.behaviour("B51")
async def test_a_tool_that_refuses_frames_is_shown_in_the_whole_tab(signed_in: Page, graces_tab: Page, server: Server) -> None:
    studio = await add_studio(server, environment=[{"key": "TINY_FRAME_OPTIONS", "value": "DENY"}])
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    data = await server.graphql(CONNECT, {"id": studio}, server.world.secret)
    await graces_tab.goto(data["connectStudio"]["url"])
    await expect(graces_tab.locator("body")).to_have_text("tiny")
    assert urlsplit(graces_tab.url).path == "/"


@pytest.mark.behaviour("B53")
async def test_a_tool_that_refuses_frames_counts_by_its_sockets(graces_tab: Page, server: Server) -> None:
    studio, url = await run_studio(server, environment=[{"key": "TINY_FRAME_OPTIONS", "value": "DENY"}])
    await graces_tab.goto(url)
    await graces_tab.get_by_label("Access token").fill(server.world.secret)
    await graces_tab.get_by_role("button", name="Sign in").click()
    await expect(graces_tab.locator("body")).to_have_text("tiny")
    assert await connected(server, studio) == []
    await graces_tab.evaluate(OPEN_SOCKET)
    assert await connected(server, studio) == ["Ada"]
    await graces_tab.goto(url)
    await expect(graces_tab.locator("body")).to_have_text("tiny")


async def connected(server: Server, studio_id: str) -> list[str]:
    """Returns the names of the users who are connected."""
    studio = (await server.graphql(CONNECTED, {"id": studio_id}))["studio"]
    return [connected["user"]["displayName"] for connected in studio["connectedUsers"]]


@pytest.mark.behaviour("B53", "B58")
async def test_a_deep_address_of_the_tool_in_a_whole_tab_counts_and_comes_back_there(graces_tab: Page, server: Server) -> None:
    studio, url = await run_studio(server)
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    origin = (await tool_frame(graces_tab, "tiny")).url
    typed = await graces_tab.context.new_page()
    await graces_tab.close()

    await typed.goto(f"{origin}pages/deep?x=1#there")
    assert (await tool_frame(typed, "/pages/deep")).url == f"{origin}pages/deep?x=1#there"
    await expect(typed.locator("#people")).to_have_text("Ada")
    assert await connected(server, studio) == ["Ada"]
    await server.graphql(STOP, {"id": studio})
    await expect(typed.locator("#overlay-reason")).to_contain_text("ada")
    await start_studio(server, studio)
    await expect(typed.locator("#overlay")).to_be_hidden()
    await expect(typed.locator("#state")).to_have_text("Running")
    assert (await tool_frame(typed, "/pages/deep")).url == f"{origin}pages/deep?x=1#there"


@pytest.mark.behaviour("B53")
async def test_a_page_that_the_tool_opens_in_a_tab_of_its_own_has_the_shell_and_a_download_has_none(
    graces_tab: Page, server: Server
) -> None:
    _, url = await run_studio(server)
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    frame = await tool_frame(graces_tab, "tiny")

    async with graces_tab.context.expect_page() as opening:
        await frame.evaluate("open('/pages/other', '_blank') && null")
    opened = await opening.value
    await expect(opened.locator("#people")).to_contain_text("Ada (2 tabs)")
    await tool_frame(opened, "/pages/other")

    async with graces_tab.context.expect_page() as opening:
        await frame.evaluate("open('/content?type=application/json&body=[1]', '_blank') && null")
    shown = await opening.value
    await expect(shown.locator("body")).to_have_text("[1]")
    assert shown.url == f"{frame.url}content?type=application/json&body=[1]"

    async with graces_tab.expect_download() as downloading:
        await frame.evaluate("location.assign('/content?body=saved&disposition=attachment;filename=notes.html')")
    download = await downloading.value
    assert (download.suggested_filename, (await download.path()).read_text()) == ("notes.html", "saved")
    async with shown.expect_download() as downloading:
        await shown.evaluate("location.assign('/content?body=saved&disposition=attachment;filename=notes.html')")
    assert (await (await downloading.value).path()).read_text() == "saved"


@pytest.mark.behaviour("B52")
async def test_the_focus_in_the_frame_is_activity_of_its_user(graces_tab: Page, server: Server) -> None:
    _, url = await run_studio(server)
    async with graces_tab.expect_websocket() as opening:
        await graces_tab.goto(url)
        await sign_in_at_session(graces_tab, server.world.secret)
    await tool_frame(graces_tab, "tiny")
    async with (await opening.value).expect_event("framesent") as sending:
        await graces_tab.frame_locator("#tool").locator("body").click()
    assert await sending.value == '{"type":"active"}'


async def test_an_open_tab_keeps_both_origins_signed_in(graces_tab: Page, server: Server) -> None:
    _, url = await run_studio(server)
    await graces_tab.clock.install()
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    origin = (await tool_frame(graces_tab, "tiny")).url
    await graces_tab.context.clear_cookies(name=re.compile("sg_session_.*"))
    assert await graces_tab.context.cookies(origin) == []
    async with graces_tab.expect_response(lambda response: response.url == f"{origin}_sg/grant" and response.ok):
        await graces_tab.clock.fast_forward("02:05")
    assert [cookie["httpOnly"] for cookie in await graces_tab.context.cookies(origin)] == [True]


async def test_a_tool_whose_address_does_not_answer_is_tried_again(graces_tab: Page, server: Server) -> None:
    _, url = await run_studio(server)
    pattern = re.compile(r"//a[^/]*/_sg/grant$")
    await graces_tab.context.route(pattern, lambda route: route.abort())
    await graces_tab.goto(url)
    await sign_in_at_session(graces_tab, server.world.secret)
    await expect(graces_tab.locator("#notice")).to_contain_text("The address of the tool does not answer.")
    await graces_tab.context.unroute(pattern)
    await tool_frame(graces_tab, "tiny")
    await expect(graces_tab.locator("#notice")).to_be_hidden()
