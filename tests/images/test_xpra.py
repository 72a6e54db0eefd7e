"""A desktop in the browser: its terminal takes what is typed, and several people see the same screen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Position, expect

from tests.browser.page_objects import TOOL_TIMEOUT_MS
from tests.images.recipe_studio import recipe_studio

SCREEN = "canvas"
IN_TERMINAL = Position(x=300, y=300)
"""A place in the terminal that the desktop begins with, in pixels of the screen."""


@pytest.mark.behaviour("B3", "B50", "B54", "B70")
async def test_a_desktop_takes_what_is_typed_is_shared_and_keeps_its_files(
    tmp_path: Path, sqlite_url: str, browser: Browser, context: BrowserContext, record_property: Callable[[str, object], None]
) -> None:
    async with recipe_studio(tmp_path, sqlite_url, "xpra") as studio:
        await studio.wait_built()
        tab = await context.new_page()
        await studio.open(tab, SCREEN)
        await _type_in_terminal(tab, "echo typed by hand >note.txt")
        await studio.file_has("/workspace/note.txt", "typed by hand")

        await tab.reload()
        await _type_in_terminal(tab, "history >history.txt")
        await studio.file_has("/workspace/history.txt", "echo typed by hand")

        others = await browser.new_context(viewport={"width": 1280, "height": 800})
        second_tab = await others.new_page()
        await studio.open(second_tab, SCREEN)
        await _type_in_terminal(second_tab, "echo by the second >>note.txt")
        await studio.file_has("/workspace/note.txt", "by the second")
        await _type_in_terminal(tab, "echo and the first >>note.txt")
        await studio.file_has("/workspace/note.txt", "and the first")
        await others.close()
        await tab.close()

        await studio.stop()
        await studio.start()
        tab = await context.new_page()
        await studio.open(tab, SCREEN)
        await _type_in_terminal(tab, "cp note.txt kept.txt")
        await studio.file_has("/workspace/kept.txt", "typed by hand")
        await studio.stop()
        record_property("recipe", studio.figures)


async def _type_in_terminal(tab: Page, line: str) -> None:
    tool = tab.frame_locator("#tool")
    await expect(tool.locator("#progress")).to_be_hidden(timeout=TOOL_TIMEOUT_MS)
    await tool.locator(SCREEN).first.click(position=IN_TERMINAL, timeout=TOOL_TIMEOUT_MS)
    await tab.keyboard.type(line, delay=20)
    await tab.keyboard.press("Enter")
