"""R in JupyterLab: notebooks that R runs, and what they write."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, FrameLocator, Page, expect

from tests.browser.page_objects import TOOL_TIMEOUT_MS, expect_output, open_notebook, type_cell
from tests.images.recipe_studio import recipe_studio


@pytest.mark.behaviour("B3", "B50", "B70", "B74")
async def test_r_runs_cells_draws_and_finds_its_files_after_a_restart(
    tmp_path: Path, sqlite_url: str, context: BrowserContext, record_property: Callable[[str, object], None]
) -> None:
    async with recipe_studio(tmp_path, sqlite_url, "r-ide") as studio:
        await studio.wait_built()
        opened = await studio.open(await context.new_page(), ".jp-LabShell")
        tab, tool = opened.page, opened.tool
        await _new_r_notebook(tab, tool)
        await type_cell(tab, tool, "1 + 1")
        await expect_output(tool, "2")
        await type_cell(tab, tool, "writeLines('written by R', 'note.txt')")
        await type_cell(tab, tool, "plot(1:3)")
        await expect(tool.locator(".jp-OutputArea-output img").first).to_be_visible(timeout=TOOL_TIMEOUT_MS)
        await studio.file_has("/workspace/note.txt", "written by R")
        await tab.close()
        await studio.stop()
        await studio.start()
        opened = await studio.open(await context.new_page(), ".jp-LabShell")
        tab, tool = opened.page, opened.tool
        await open_notebook(tab, tool)
        await type_cell(tab, tool, "toupper(readLines('note.txt'))")
        await expect_output(tool, "WRITTEN BY R")
        await studio.stop()
        await studio.check_migration("/workspace/note.txt", "written by R")
        record_property("recipe", studio.figures)


async def _new_r_notebook(tab: Page, tool: FrameLocator) -> None:
    await tab.add_locator_handler(tool.get_by_role("button", name="Continue waiting"), lambda button: button.click())
    await tool.locator('.jp-LauncherCard[data-category="Notebook"][title="R"]').click(timeout=TOOL_TIMEOUT_MS)
    await expect(tool.get_by_text("R | Idle")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
