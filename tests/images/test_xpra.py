"""A desktop in the browser: its terminal takes what is typed, and several people see the same screen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Position, expect

from tests.images.recipe_studio import recipe_studio
from tests.images.tool_tab import ToolTab

SCREEN = "canvas"
IN_TERMINAL = Position(x=300, y=300)
"""A place in the terminal that the desktop begins with, in pixels of the screen."""


@pytest.mark.behaviour("B3", "B50", "B54", "B58", "B70")
async def test_a_desktop_takes_what_is_typed_is_shared_and_keeps_its_files(
    tmp_path: Path, sqlite_url: str, browser: Browser, context: BrowserContext, record_property: Callable[[str, object], None]
) -> None:
    async with recipe_studio(tmp_path, sqlite_url, "xpra") as studio:
        await studio.wait_built()
        first = await studio.open(await context.new_page(), SCREEN)
        await _type_in_terminal(first, "echo typed by hand >note.txt")
        await studio.file_has("/workspace/note.txt", "typed by hand")

        await first.page.reload()
        await _type_in_terminal(first, "history >history.txt")
        await studio.file_has("/workspace/history.txt", "echo typed by hand")

        others = await browser.new_context(viewport={"width": 1280, "height": 800})
        second = await studio.open(await others.new_page(), SCREEN)
        await _type_in_terminal(second, "echo by the second >>note.txt")
        await studio.file_has("/workspace/note.txt", "by the second")
        await _type_in_terminal(first, "echo and the first >>note.txt")
        await studio.file_has("/workspace/note.txt", "and the first")
        await others.close()

        await studio.stop()
        await expect(first.page.locator("#overlay")).to_be_visible()
        await studio.start()
        await _type_in_terminal(first, "cp note.txt kept.txt")
        await studio.file_has("/workspace/kept.txt", "typed by hand")
        await studio.stop()
        record_property("recipe", studio.figures)


async def _type_in_terminal(tab: ToolTab, line: str) -> None:
    await tab.wait_shown()
    await expect(tab.tool.locator("#progress")).to_be_hidden()
    await tab.tool.locator(SCREEN).first.click(position=IN_TERMINAL)
    await tab.type_line(line)
