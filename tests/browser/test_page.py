"""The page at `/`: everything happens by itself, and by keyboard."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from services.domain.access import Role
from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.store import outbox
from services.store.db.database import Database
from tests.browser.conftest import sign_in
from tests.browser.page_objects import START, add_studio, create_colleague, open_session, studio_card
from tests.factories import create_checkpoint, create_studio
from tests.graphql_ids import global_id
from tests.server import Server, running

UPDATE_TEMPLATE = "mutation ($input: UpdateTemplateInput!) { updateTemplate(input: $input) { ... on TemplatePayload { template { id } } } }"


async def test_a_wrong_token_is_told_and_nothing_shows(page: Page, server: Server) -> None:
    await page.goto(f"{server.url}/")
    await page.get_by_label("Access token").fill("sgt_wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not a valid access token")
    await expect(page.locator("#dashboard")).to_be_hidden()


@pytest.mark.behaviour("B84")
async def test_what_a_session_prints_shows_while_it_runs_and_after_it_stopped(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await expect(studio_card(signed_in).get_by_role("button", name="Log of Analysis")).to_be_hidden()
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await studio_card(signed_in).get_by_role("button", name="Log of Analysis").click()
    await expect(signed_in.locator("#log-text")).to_contain_text("listens")
    await expect(signed_in.locator("#log-state")).to_have_text("live")
    await signed_in.keyboard.press("Escape")
    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    await studio_card(signed_in).get_by_role("button", name="Log of Analysis").click()
    await expect(signed_in.locator("#log-text")).to_contain_text("listens")
    await expect(signed_in.locator("#log-state")).to_have_text("complete")


@pytest.mark.behaviour("B82")
async def test_a_studio_is_added_started_and_stopped_without_a_reload(signed_in: Page) -> None:
    await signed_in.evaluate("window.notReloaded = true")
    await signed_in.get_by_text("Add a Studio").click()
    await signed_in.locator("#name").fill("Analysis")
    await signed_in.get_by_label("Template").select_option(label="Echo")
    await signed_in.get_by_role("button", name="Add and start").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    assert await signed_in.evaluate("window.notReloaded")


@pytest.mark.behaviour("B72")
async def test_an_experimental_template_is_used_only_after_it_is_accepted(page: Page, server: Server) -> None:
    experimental = {"templateId": global_id("Template", server.world.template_id), "experimental": True}
    await server.graphql(UPDATE_TEMPLATE, {"input": experimental})
    await sign_in(page, server)
    await page.get_by_text("Add a Studio").click()
    await page.locator("#name").fill("Analysis")
    await expect(page.get_by_label("Template")).to_contain_text("Echo (experimental)")
    await page.get_by_label("Template").select_option(label="Tiny")
    await expect(page.get_by_label("I accept that it is experimental")).to_be_hidden()
    await page.get_by_label("Template").select_option(label="Echo (experimental)")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_label("I accept that it is experimental")).to_be_focused()  # the form is not sent
    await page.get_by_label("I accept that it is experimental").check()
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(studio_card(page).locator(".badge")).to_have_text("stopped")


@pytest.mark.behaviour("B83")
async def test_what_somebody_else_does_shows_with_who_did_it(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await expect(signed_in.locator("#events li").filter(has_text="is running")).to_contain_text("by ada")


@pytest.mark.behaviour("B52")
async def test_a_second_tab_of_a_session_is_counted_and_uncounted(signed_in: Page, server: Server, context: BrowserContext) -> None:
    studio = await add_studio(server)
    await server.graphql(START, {"id": studio})
    people = studio_card(signed_in).locator(".people")
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    first, second = await context.new_page(), await context.new_page()
    await open_session(first, server, studio, server.world.secret)
    await expect(people).to_have_text("Ada")
    await open_session(second, server, studio, server.world.secret)
    await expect(people).to_have_text("Ada (2 tabs)")
    await expect(first.locator("#people")).to_contain_text("2 tabs")
    await second.close()
    await expect(people).to_have_text("Ada")


@pytest.mark.behaviour("B6")
async def test_what_is_not_allowed_says_why(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    stop = studio_card(signed_in).get_by_role("button", name="Stop")
    await expect(stop).to_have_attribute("aria-disabled", "true")
    await expect(stop).to_have_attribute("title", "The Studio is not running.")


async def test_the_keyboard_is_enough(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    await studio_card(signed_in).get_by_role("button", name="Start").focus()
    await signed_in.keyboard.press("Enter")
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await expect(signed_in.locator("#announcement")).to_have_text("Analysis is running")


async def test_the_keyboard_stays_on_the_card_when_the_pressed_button_goes(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    await studio_card(signed_in).get_by_role("button", name="Start").focus()
    await signed_in.keyboard.press("Enter")
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await expect(studio_card(signed_in).get_by_role("button", name="Connect")).to_be_focused()


@pytest.mark.behaviour("B6")
async def test_pressing_what_is_not_allowed_tells_why_wherever_the_page_is(signed_in: Page, server: Server) -> None:
    for number in range(12):
        await add_studio(server, f"Analysis {number:02}")
    await studio_card(signed_in, "Analysis 11").get_by_role("button", name="Stop").focus()
    await signed_in.keyboard.press("Enter")
    await expect(signed_in.get_by_role("alert")).to_contain_text("Analysis 11: The Studio is not running.")
    await expect(signed_in.get_by_role("alert")).to_be_in_viewport(ratio=1)


@pytest.mark.behaviour("B84")
async def test_a_log_says_that_the_connection_is_lost(page: Page, server: Server) -> None:
    await sign_in(page, server)
    await server.graphql(START, {"id": await add_studio(server)})
    await expect(studio_card(page).locator(".badge")).to_have_text("running")
    await studio_card(page).get_by_role("button", name="Log of Analysis").click()
    await expect(page.locator("#log-state")).to_have_text("live")
    await server.stop()
    await expect(page.locator("#log-state")).to_have_text("reconnecting")
    await server.start()
    await expect(page.locator("#log-state")).to_have_text("live")


async def test_a_start_shows_its_steps_and_which_goes_on(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server, environment=[{"key": "TINY_NEVER", "value": "1"}])
    await server.graphql(START, {"id": studio})
    steps = studio_card(signed_in).get_by_role("list", name="Steps")
    await expect(steps.locator("[aria-current=step]")).to_have_text("Wait for the tool to answer (now)")
    await expect(steps.get_by_role("listitem").filter(has_text="(done)")).to_have_text(
        ["Clear up the former session (done)", "Prepare the tool (done)", "Create the session (done)"]
    )


async def test_the_steps_go_once_it_runs(signed_in: Page, server: Server) -> None:
    await server.graphql(START, {"id": await add_studio(server)})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await expect(studio_card(signed_in).get_by_role("list", name="Steps")).to_be_hidden()


@pytest.mark.behaviour("B91")
async def test_who_may_not_create_studios_gets_no_form_for_it(page: Page, graces_tab: Page, server: Server) -> None:
    await sign_in(page, server, await create_colleague(server, Role.LAUNCH))
    await expect(page.locator("#add")).to_be_hidden()
    await sign_in(graces_tab, server, await create_colleague(server, Role.MAINTAIN))
    await expect(graces_tab.locator("#add")).to_be_visible()


async def test_a_stop_asks_first_while_others_are_connected_and_names_them(signed_in: Page, graces_tab: Page, server: Server) -> None:
    studio = await add_studio(server)
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await open_session(graces_tab, server, studio, await create_colleague(server, Role.CONNECT, "grace"))
    await expect(studio_card(signed_in).locator(".people")).to_contain_text("Grace")
    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await expect(signed_in.get_by_role("dialog")).to_contain_text("Grace is connected. Stop Analysis for everybody?")
    await signed_in.get_by_role("button", name="Cancel").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await signed_in.get_by_role("dialog").get_by_role("button", name="Stop").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")


async def test_deleting_asks_first(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    await studio_card(signed_in).get_by_role("button", name="Delete").click()
    await signed_in.get_by_role("button", name="Cancel").click()
    await expect(studio_card(signed_in)).to_be_visible()
    await studio_card(signed_in).get_by_role("button", name="Delete").click()
    await signed_in.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(studio_card(signed_in)).to_have_count(0)


@pytest.mark.behaviour("B9")
async def test_a_start_that_does_not_end_can_be_forced_once_that_is_allowed(page: Page, tmp_path: Path, sqlite_url: str) -> None:
    async with running(tmp_path, sqlite_url, force_stop_seconds="3") as server:
        await sign_in(page, server)
        studio = await add_studio(server, environment=[{"key": "TINY_NEVER", "value": "1"}])
        await server.graphql(START, {"id": studio})
        await expect(studio_card(page).locator(".badge")).to_have_text("starting")
        force = studio_card(page).get_by_role("button", name="Force stop Analysis")
        await expect(force).to_be_hidden()
        await force.click()
        await expect(page.get_by_role("dialog")).to_contain_text("What it has not saved is lost")
        await page.get_by_role("dialog").get_by_role("button", name="Force stop").click()
        await expect(studio_card(page).locator(".badge")).to_have_text("stopped")
        await expect(force).to_be_hidden()


@pytest.mark.behaviour("B76")
async def test_a_failed_build_can_be_tried_again(page: Page, server: Server) -> None:
    database = Database(server.database_url)
    await create_studio(database, server.world, "Analysis", status="BUILD_FAILED")
    await database.close()
    await sign_in(page, server)
    await expect(studio_card(page).get_by_role("button", name="Start")).to_be_hidden()
    await studio_card(page).get_by_role("button", name="Build again Analysis").click()
    await expect(studio_card(page).locator(".badge")).to_have_text("running")
    await expect(studio_card(page).get_by_role("button", name="Build again Analysis")).to_be_hidden()


@pytest.mark.behaviour("B38")
@pytest.mark.parametrize(("status", "button"), [("STOPPED", "Start Analysis"), ("BUILD_FAILED", "Build again Analysis")])
async def test_a_start_without_the_newest_files_asks_first(page: Page, server: Server, status: str, button: str) -> None:
    database = Database(server.database_url)
    studio_id = await create_studio(database, server.world, "Analysis", status=status)
    await create_checkpoint(database, server.world, studio_id, "Analysis_1", status="INVALID")
    await database.close()
    await sign_in(page, server)
    dialog, badge = page.get_by_role("dialog"), studio_card(page).locator(".badge")
    await studio_card(page).get_by_role("button", name=button).click()
    await expect(dialog).to_contain_text("The data of the checkpoint Analysis_1, which is the newest, is missing.")
    await expect(dialog).to_contain_text("A start would continue without any saved files.")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(badge).to_have_text(status.lower().replace("_", " "))
    await studio_card(page).get_by_role("button", name=button).click()
    await dialog.get_by_role("button", name="Start without the newest files").click()
    await expect(badge).to_have_text("running")
    await expect(page.get_by_role("alert")).to_be_hidden()


async def test_it_says_that_it_reconnects_and_misses_nothing(page: Page, server: Server) -> None:
    await sign_in(page, server)
    studio = await add_studio(server)
    await expect(studio_card(page)).to_be_visible()
    await expect(studio_card(page).locator(".badge")).to_have_text("stopped")
    await server.stop()
    await expect(page.get_by_role("status").filter(has_text="reconnecting")).to_be_visible()
    await expect(studio_card(page).locator(".badge")).to_have_text("last known: stopped")
    await studio_card(page).get_by_role("button", name="Start").click()
    await expect(page.get_by_role("alert")).to_contain_text("does not answer")
    await server.start()
    await server.graphql(START, {"id": studio})
    await expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await expect(studio_card(page).locator(".badge")).to_have_text("running")
    await expect(page.locator("#events li").filter(has_text="is running")).to_have_count(1)


async def test_a_refused_name_is_told_with_what_to_do(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    await signed_in.get_by_text("Add a Studio").click()
    await signed_in.locator("#name").fill("analysis")
    await signed_in.get_by_label("Template").select_option(label="Echo")
    await signed_in.get_by_role("button", name="Add", exact=True).click()
    await expect(signed_in.get_by_role("alert")).to_contain_text("Choose another name")


async def test_the_tab_keeps_its_token_and_signing_out_forgets_it(signed_in: Page, server: Server) -> None:
    await signed_in.reload()
    await expect(signed_in.locator("#dashboard")).to_be_visible()
    await signed_in.get_by_role("button", name="Sign out").click()
    await expect(signed_in.get_by_label("Access token")).to_be_visible()
    assert await signed_in.evaluate("sessionStorage.length") == 0


async def test_what_happened_to_members_shows_beside_what_happened_to_studios(page: Page, server: Server) -> None:
    database = Database(server.database_url)
    joined = NewEvent(
        Kind.MEMBER_CHANGED, Actor.system("test"), {"user_id": server.world.user_id, "role": "OWNER"}, user_id=server.world.user_id
    )
    async with database.write() as transaction:
        await outbox.append(transaction, server.world.workspace_id, [joined])
    await database.close()
    await sign_in(page, server)
    await expect(page.locator("#events li").filter(has_text="has the role OWNER now")).to_be_visible()


async def test_events_read_as_sentences_and_say_nothing_twice(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await server.graphql(START, {"id": studio})
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    await expect(signed_in.locator("#events li").filter(has_text="Analysis is starting ")).to_have_count(1)
    await expect(signed_in.locator("#events li").filter(has_text="Analysis: checkpoint Analysis_1 created")).to_have_count(1)
    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await expect(signed_in.locator("#events li").filter(has_text="Analysis is stopped by ada ")).to_have_count(1)


async def test_what_happened_at_one_moment_reads_in_its_order_after_a_reload_too(signed_in: Page, server: Server) -> None:
    await add_studio(server, autoStart=True)
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")
    events = signed_in.locator("#events li strong")
    seen = await signed_in.locator("#events li").all_inner_texts()
    assert seen[-1].startswith("Analysis was added")
    await signed_in.reload()
    await expect(events).to_have_count(len(seen))
    assert await signed_in.locator("#events li").all_inner_texts() == seen


async def test_a_question_keeps_clear_of_the_edges(signed_in: Page, server: Server) -> None:
    await add_studio(server)
    await signed_in.set_viewport_size({"width": 320, "height": 700})
    await studio_card(signed_in).get_by_role("button", name="Delete").click()
    box = await signed_in.get_by_role("dialog").bounding_box()
    assert box is not None
    assert 16 <= box["x"] <= 320 - 16 - box["width"]


@pytest.mark.parametrize("width", [320, 1280])
async def test_the_way_in_keeps_clear_of_the_edges(page: Page, server: Server, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 700})
    await page.goto(f"{server.url}/")
    box = await page.locator("#sign-in").bounding_box()
    assert box is not None
    assert box["x"] >= 16
    assert box["x"] + box["width"] <= width - 16


async def test_the_token_can_be_typed_at_once_and_the_way_past_the_bar_waits_for_studios(page: Page, server: Server) -> None:
    await page.goto(f"{server.url}/")
    await expect(page.get_by_label("Access token")).to_be_focused()
    await expect(page.locator("#to-studios")).to_be_hidden()
    await page.keyboard.type(server.world.secret)
    await page.keyboard.press("Enter")
    await expect(page.locator("#to-studios")).to_be_attached()
    await expect(page.locator("#to-studios")).not_to_have_attribute("hidden", "")
