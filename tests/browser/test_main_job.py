"""The main job as a person does it: page, JupyterLab in the shell, a stop by somebody else, and back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from services.domain.statuses import Tool
from services.store.db.database import Database
from tests.browser.conftest import sign_in
from tests.browser.page_objects import START, STOP, listed_file, run_a_cell, studio_card
from tests.factories import create_template
from tests.jupyterlab import IMAGE
from tests.server import Server, running

pytestmark = pytest.mark.slow
FIRST_START_MS = 240_000


@pytest.fixture
async def lab_server(tmp_path: Path, sqlite_url: str, jupyterlab_tools: Path) -> AsyncIterator[Server]:
    """A server whose workspace also has JupyterLab."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/tools").symlink_to(jupyterlab_tools)
    async with running(tmp_path, sqlite_url) as server:
        database = Database(sqlite_url)
        await create_template(
            database, server.world.workspace_id, "JupyterLab", tool=Tool.JUPYTERLAB, image=IMAGE.image, tool_version=IMAGE.tool_version
        )
        await database.close()
        yield server


@pytest.mark.behaviour("B50", "B52", "B58", "B1", "B8")
async def test_a_person_works_in_jupyterlab_is_told_why_it_stopped_and_comes_back(
    lab_server: Server, page: Page, context: BrowserContext
) -> None:
    await sign_in(page, lab_server)
    await page.get_by_text("Add a Studio").click()
    await page.locator("#name").fill("Analysis")
    await page.get_by_label("Template").select_option(label="JupyterLab")
    await page.get_by_role("button", name="Add", exact=True).click()
    await studio_card(page).get_by_role("button", name="Start").click()
    await expect(studio_card(page).locator(".badge")).to_have_text("running", timeout=FIRST_START_MS)

    async with context.expect_page() as opening:
        await studio_card(page).get_by_role("button", name="Connect").click()
    tab = await opening.value
    tool = tab.frame_locator("#tool")
    await expect(tab.locator("#state")).to_have_text("Running")
    await expect(studio_card(page).locator(".people")).to_contain_text("Ada")
    await run_a_cell(tab, tool)
    await expect(tool.locator(".jp-mod-dirty")).to_have_count(0)  # saved by itself, long before JupyterLab's two minutes

    studio = await studio_card(page).get_attribute("data-studio")
    await lab_server.graphql(STOP, {"id": studio})
    await expect(tab.locator("#overlay")).to_be_visible()
    await expect(tab.locator("#overlay-code")).to_have_text("STUDIO_STOPPED")
    await expect(tab.locator("#overlay-reason")).to_contain_text("ada")
    await expect(studio_card(page).locator(".badge")).to_have_text("stopped")

    await lab_server.graphql(START, {"id": studio})
    await expect(tab.locator("#overlay")).to_be_hidden(timeout=60_000)
    await expect(tab.locator("#state")).to_have_text("Running")
    await expect(tool.locator(".jp-Notebook, .jp-Launcher").first).to_be_visible(timeout=60_000)
    await expect(listed_file(tool, "Untitled.ipynb")).to_be_visible()
    await expect(tool.locator(".jp-OutputArea-output").filter(has_text="42").first).to_be_visible(timeout=60_000)
