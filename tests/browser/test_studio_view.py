"""A Studio's own view on the page at `/`: configuration, checkpoints and lineage; and the forms that add and clone Studios."""

import pytest
from playwright.async_api import Locator, Page, expect

from services.domain.access import Role
from services.store.db.database import Database
from tests.browser.conftest import sign_in
from tests.browser.page_objects import START, add_studio, create_colleague, start_studio, studio_card
from tests.factories import create_template
from tests.graphql_ids import global_id
from tests.server import Server

CONFIGURATION = """query ($id: ID!) {
  studio(id: $id) { description configuration { cpu memoryMiB gpu lifespanHours environment { key value secret } } }
}"""
STUDIO_IDS = "query ($id: ID!) { node(id: $id) { ... on Workspace { studios { nodes { id name } } } } }"
SET_QUOTA = """mutation ($input: UpdateWorkspaceSettingsInput!) { updateWorkspaceSettings(input: $input) { __typename } }"""
ME = "{ viewer { id } }"
REMOVE_MEMBER = """mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }"""
UPDATE = """mutation ($input: UpdateStudioInput!) { updateStudio(input: $input) { __typename } }"""


def row(page: Page, name: str) -> Locator:
    return page.locator(f'#checkpoint-list li[data-checkpoint="{name}"]')


async def open_view(page: Page, studio: str = "Analysis") -> Locator:
    await studio_card(page, studio).get_by_role("link", name=f"Details of {studio}", exact=True).click()
    view = page.locator("#studio-parts")
    await expect(view).to_be_visible()
    return view


async def open_add_form(page: Page, name: str) -> None:
    await page.get_by_text("Add a Studio").click()
    await page.locator("#name").fill(name)
    await page.get_by_label("Template").select_option(label="Echo")
    await page.get_by_text("More settings").click()


async def studio_ids(server: Server) -> dict[str, str]:
    data = await server.graphql(STUDIO_IDS, {"id": global_id("Workspace", server.world.workspace_id)})
    return {studio["name"]: studio["id"] for studio in data["node"]["studios"]["nodes"]}


@pytest.mark.behaviour("B32", "B34", "B35", "B38", "B40")
async def test_checkpoints_are_saved_renamed_started_from_and_cloned(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await start_studio(server, studio)
    view = await open_view(signed_in)
    await expect(row(signed_in, "Analysis_1")).to_contain_text("empty")
    await view.get_by_role("button", name="Save a checkpoint now").click()
    await expect(row(signed_in, "Analysis_2")).to_contain_text("finalized")
    await expect(row(signed_in, "Analysis_2").get_by_role("button", name="Delete")).to_have_attribute(
        "title", "It is needed. Analysis: its next start continues from it."
    )

    await row(signed_in, "Analysis_2").get_by_role("button", name="Rename").click()
    await signed_in.locator("#checkpoint-name").fill("before the merge")
    await signed_in.keyboard.press("Enter")
    await expect(row(signed_in, "before_the_merge")).to_contain_text("finalized")

    await row(signed_in, "before_the_merge").get_by_role("button", name="Add as new").click()
    await expect(signed_in.locator("#clone-name")).to_have_value("Analysis copy")
    await signed_in.locator("#clone-name").fill("Copy")
    await signed_in.locator("#clone").get_by_role("button", name="Add and start").click()
    await expect(signed_in.locator("#clone")).to_be_hidden()
    tree = view.get_by_role("list", name="What Analysis comes from")
    await tree.get_by_role("link", name="Copy").click()
    await expect(studio_card(signed_in, "Copy").locator(".badge")).to_have_text("running")
    await expect(row(signed_in, "before_the_merge")).to_contain_text("inherited from Analysis")
    await signed_in.locator("#lineage").get_by_role("link", name="Analysis").click()
    await expect(studio_card(signed_in).get_by_role("button", name="Stop")).to_be_visible()
    await expect(studio_card(signed_in, "Copy")).to_be_hidden()

    await studio_card(signed_in).get_by_role("button", name="Stop").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    await expect(row(signed_in, "Analysis_1")).to_contain_text("finalized")
    await row(signed_in, "before_the_merge").get_by_role("button", name="Start from here").click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("running")


@pytest.mark.behaviour("B35")
async def test_a_checkpoint_that_nothing_needs_is_deleted_after_a_question(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    await start_studio(server, studio)
    view = await open_view(signed_in)
    for name in ("Analysis_2", "Analysis_3"):
        await view.get_by_role("button", name="Save a checkpoint now").click()
        await expect(row(signed_in, name)).to_contain_text("finalized")
    await row(signed_in, "Analysis_2").get_by_role("button", name="Delete").click()
    await expect(signed_in.locator("#confirm")).to_contain_text("Delete the checkpoint Analysis_2")
    await signed_in.locator("#confirm-yes").click()
    await expect(row(signed_in, "Analysis_2")).to_have_count(0)
    await expect(row(signed_in, "Analysis_3")).to_have_count(1)


@pytest.mark.behaviour("B1", "B16", "B17")
async def test_a_studio_is_added_with_its_whole_configuration(signed_in: Page, server: Server) -> None:
    await open_add_form(signed_in, "Analysis")
    await expect(signed_in.locator("#add-cpu")).to_have_attribute("placeholder", "2")
    await signed_in.locator("#add-description").fill("Cells of the lung")
    await signed_in.locator("#add-cpu").fill("0.5")
    await signed_in.locator("#add-memoryMiB").fill("256")
    await signed_in.locator("#add-lifespanHours").fill("12")
    for key, value in (("GENOME", "GRCh38"), ("TOKEN", "hunter2")):
        await signed_in.locator("#add").get_by_role("button", name="Add a variable").click()
        await signed_in.keyboard.type(key)
        await signed_in.keyboard.press("Tab")
        await signed_in.keyboard.type(value)
    await signed_in.locator("#add").get_by_label("secret").last.check()
    await signed_in.get_by_role("button", name="Add", exact=True).click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")
    data = await server.graphql(CONFIGURATION, {"id": (await studio_ids(server))["Analysis"]})
    assert data["studio"] == {
        "description": "Cells of the lung",
        "configuration": {
            "cpu": 0.5,
            "memoryMiB": 256,
            "gpu": 0,
            "lifespanHours": 12,
            "environment": [
                {"key": "GENOME", "value": "GRCh38", "secret": False},
                {"key": "TOKEN", "value": None, "secret": True},
            ],
        },
    }


@pytest.mark.behaviour("B16")
async def test_what_is_wrong_is_told_at_its_field(signed_in: Page) -> None:
    await open_add_form(signed_in, "Analysis")
    await signed_in.locator("#add").get_by_role("button", name="Add a variable").click()
    await signed_in.keyboard.type("no spaces")
    await signed_in.get_by_role("button", name="Add", exact=True).click()
    await expect(signed_in.locator("#add .problems")).to_contain_text("A key begins with a letter or underscore")
    await expect(signed_in.get_by_label("Name of the variable")).to_have_attribute("aria-invalid", "true")
    await expect(signed_in.get_by_label("Name of the variable")).to_be_focused()
    await signed_in.get_by_label("Name of the variable").fill("SPACES")
    await signed_in.get_by_role("button", name="Add", exact=True).click()
    await expect(studio_card(signed_in).locator(".badge")).to_have_text("stopped")


@pytest.mark.behaviour("B14")
async def test_an_edit_keeps_secrets_that_are_not_typed_again(signed_in: Page, server: Server) -> None:
    secret = {"key": "TOKEN", "value": "hunter2", "secret": True}
    studio = await add_studio(server, environment=[secret, {"key": "GENOME", "value": "GRCh37"}])
    view = await open_view(signed_in)
    await expect(signed_in.locator("#configuration")).to_contain_text("TOKEN=••••")
    await view.get_by_role("button", name="Edit").click()
    await signed_in.locator("#edit-name").fill("Lung")
    await signed_in.locator("#edit-cpu").fill("1")
    await signed_in.locator("#edit").get_by_label("Value of the variable").last.fill("GRCh38")
    await signed_in.locator("#edit").get_by_role("button", name="Save").click()
    await expect(signed_in.locator("#configuration")).to_contain_text("GENOME=GRCh38")
    await expect(studio_card(signed_in, "Lung")).to_be_visible()
    await expect(view.get_by_role("button", name="Edit")).to_be_focused()
    await start_studio(server, studio)
    await studio_card(signed_in, "Lung").get_by_role("button", name="Log of").click()
    await expect(signed_in.locator("#log-text")).to_contain_text("listens")
    await signed_in.keyboard.press("Escape")
    await expect(view.get_by_role("button", name="Edit")).to_have_attribute("aria-disabled", "true")


@pytest.mark.behaviour("B14")
async def test_an_edit_never_undoes_one_that_somebody_else_made_meanwhile(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    view = await open_view(signed_in)
    await view.get_by_role("button", name="Edit").click()
    await server.graphql(UPDATE, {"input": {"studioId": studio, "name": "Renamed", "description": "by somebody else"}})
    await expect(signed_in.locator("#configuration")).to_contain_text("by somebody else")
    await signed_in.locator("#edit-description").fill("mine")
    await signed_in.locator("#edit").get_by_role("button", name="Save").click()
    await expect(signed_in.get_by_role("alert")).to_contain_text("Renamed was edited meanwhile.")
    await expect(signed_in.locator("#configuration")).to_contain_text("by somebody else")
    await signed_in.locator("#edit").get_by_role("button", name="Save").click()
    await expect(signed_in.locator("#configuration")).to_contain_text("mine")
    assert list(await studio_ids(server)) == ["Renamed"]


@pytest.mark.behaviour("B42", "B43")
async def test_a_clone_shows_what_is_locked_and_takes_the_rest(signed_in: Page, server: Server) -> None:
    await add_studio(server, "Analysis copy")  # its name is taken
    studio = await add_studio(server, lifespanHours=24, environment=[{"key": "GENOME", "value": "GRCh37"}])
    await start_studio(server, studio)
    view = await open_view(signed_in)
    await expect(row(signed_in, "Analysis_1")).to_be_visible()
    await view.get_by_role("button", name="Save a checkpoint now").click()
    await expect(row(signed_in, "Analysis_2")).to_contain_text("finalized")
    await view.get_by_role("button", name="Add as new", exact=True).click()
    await expect(signed_in.locator("#clone-about")).to_contain_text("from the files of Analysis_2")
    await expect(signed_in.locator("#clone-name")).to_have_value("Analysis copy 2")
    await expect(signed_in.locator("#clone-lifespanHours")).to_be_disabled()
    await expect(signed_in.locator("#clone-lifespanHours")).to_have_value("24")
    await signed_in.locator("#clone-cpu").fill("0.25")
    await signed_in.locator("#clone").get_by_role("button", name="Add", exact=True).click()
    await expect(signed_in.locator("#clone")).to_be_hidden()
    data = await server.graphql(CONFIGURATION, {"id": (await studio_ids(server))["Analysis copy 2"]})
    assert data["studio"]["configuration"]["cpu"] == 0.25
    assert data["studio"]["configuration"]["environment"] == [{"key": "GENOME", "value": "GRCh37", "secret": False}]


@pytest.mark.behaviour("B42")
async def test_a_clone_that_is_refused_says_so_in_its_dialog(signed_in: Page, server: Server) -> None:
    name = "💥" * 76  # two units of JavaScript each
    await add_studio(server, "Taken")
    await start_studio(server, await add_studio(server, name))
    view = await open_view(signed_in, name)
    await view.get_by_role("button", name="Save a checkpoint now").click()
    await expect(signed_in.locator("#checkpoint-list")).to_contain_text("finalized")
    await view.get_by_role("button", name="Add as new", exact=True).click()
    await expect(signed_in.locator("#clone-name")).to_have_value("💥" * 75 + " copy")
    await signed_in.locator("#clone-name").fill("Taken")
    await signed_in.locator("#clone").get_by_role("button", name="Add", exact=True).click()
    await expect(signed_in.locator("#clone").get_by_role("alert")).to_contain_text("There is already a Studio called")
    await signed_in.locator("#clone").get_by_role("button", name="Cancel").click()
    await view.get_by_role("button", name="Add as new", exact=True).click()
    await expect(signed_in.locator("#clone")).to_be_visible()
    await expect(signed_in.locator("#problem")).to_be_hidden()


@pytest.mark.behaviour("B18")
async def test_quotas_stand_in_the_form_before_they_are_hit(signed_in: Page, server: Server) -> None:
    workspace_id = global_id("Workspace", server.world.workspace_id)
    await server.graphql(SET_QUOTA, {"input": {"workspaceId": workspace_id, "maxSessions": 3}})
    await start_studio(server, await add_studio(server))
    await signed_in.get_by_text("Add a Studio").click()
    await expect(signed_in.get_by_role("list", name="Quotas")).to_contain_text("1 of 3 sessions in use (workspace)")


async def test_a_view_has_an_address_that_can_be_shared_and_says_when_there_is_no_such_studio(page: Page, server: Server) -> None:
    studio = await add_studio(server)
    await page.goto(f"{server.url}/#studio={studio}")
    await page.get_by_label("Access token").fill(server.world.secret)
    await page.keyboard.press("Enter")
    await expect(page.locator("#studio-parts")).to_be_visible()
    await expect(page.locator("#configuration")).to_contain_text("Echo")
    await page.get_by_role("link", name="All Studios").first.click()
    await expect(page.locator("#add")).to_be_visible()
    await page.goto(f"{server.url}/#studio={global_id('Studio', '0' * 32)}")
    await expect(page.locator("#studio-gone")).to_be_visible()


async def test_a_server_that_does_not_answer_makes_no_studio_go_away(signed_in: Page, server: Server) -> None:
    studio = await add_studio(server)
    view = await open_view(signed_in)
    await server.stop()
    await view.get_by_role("button", name="Add as new", exact=True).focus()
    await signed_in.evaluate("location.hash = ''")
    await signed_in.evaluate(f"location.hash = '#studio={studio}'")
    await expect(signed_in.get_by_role("alert")).to_contain_text("The server does not answer.")
    await expect(signed_in.locator("#studio-gone")).to_be_hidden()
    await server.start()
    await expect(signed_in.locator("#configuration")).to_contain_text("Echo", timeout=30_000)


@pytest.mark.parametrize("address", ["%", "none", "%E0%A4%A"])
async def test_an_address_that_is_none_is_that_of_no_studio(signed_in: Page, server: Server, address: str) -> None:
    await signed_in.goto(f"{server.url}/#studio={address}")
    await expect(signed_in.locator("#studio-gone")).to_be_visible()
    await expect(signed_in.get_by_role("alert")).to_be_hidden()


async def test_a_long_name_makes_no_narrow_page_wider(signed_in: Page, server: Server) -> None:
    await signed_in.set_viewport_size({"width": 340, "height": 700})
    name = "W" * 80
    studio = await add_studio(server, name)
    await open_view(signed_in, name)
    await start_studio(server, studio)
    await expect(signed_in.locator("#announcement")).to_contain_text(f"{name} is running")
    assert await signed_in.evaluate("document.documentElement.scrollWidth") == 340


@pytest.mark.behaviour("B91")
async def test_a_view_goes_when_its_viewer_is_no_member_any_more(page: Page, server: Server) -> None:
    await add_studio(server)
    secret = await create_colleague(server, Role.MAINTAIN)
    await sign_in(page, server, secret)
    await open_view(page)
    workspace_id, user_id = global_id("Workspace", server.world.workspace_id), (await server.graphql(ME, token=secret))["viewer"]["id"]
    await server.graphql(REMOVE_MEMBER, {"input": {"workspaceId": workspace_id, "userId": user_id}})
    await expect(page.locator("#studio-gone")).to_be_visible()


@pytest.mark.behaviour("B91")
async def test_who_may_only_look_sees_all_and_is_told_why_nothing_can_be_changed(page: Page, server: Server) -> None:
    studio = await add_studio(server)
    await server.graphql(START, {"id": studio})
    await sign_in(page, server, await create_colleague(server, Role.VIEW))
    view = await open_view(page)
    await expect(row(page, "Analysis_1")).to_be_visible()
    for button in ("Edit", "Save a checkpoint now", "Add as new"):
        await expect(view.get_by_role("button", name=button, exact=True)).to_have_attribute("aria-disabled", "true")


@pytest.mark.behaviour("B76")
async def test_conda_packages_are_offered_for_provided_templates_and_what_is_wrong_is_told_with_its_place(
    page: Page, server: Server
) -> None:
    database = Database(server.database_url)
    await create_template(database, server.world.workspace_id, "Provided", tool="JUPYTERLAB", recipe="jupyter", tool_version="9.0")
    await database.close()
    await sign_in(page, server)
    await open_add_form(page, "Analysis")
    await expect(page.locator("#add-condaEnvironment")).to_be_hidden()
    await page.get_by_label("Template").select_option(label="Provided")
    await page.locator("#add-condaEnvironment").fill("dependencies:\n  - numpy >=\n  - numpy >=")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator("#add-condaEnvironment")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#add .problems")).to_contain_text("Line 2, column 5")
    await expect(studio_card(page)).to_have_count(0)
