"""The tab around a tool: what it shows when the session ends."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_objects import CONNECT, START, STOP, add_studio, open_session, studio_card
from tests.server import Server


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
