"""A desktop in the browser: its terminal takes what is typed, and several people see the same screen."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Position, expect

from tests.images.recipe_studio import RecipeStudio, recipe_studio
from tests.images.tool_tab import ToolTab
from tests.waiting import eventually

SCREEN = "canvas"
IN_TERMINAL = Position(x=300, y=300)
"""A place in the terminal that the desktop begins with, in pixels of the screen."""
EFFECT_LIMIT_S = 10.0
"""Seconds after which a line is typed again."""


@pytest.mark.behaviour("B3", "B50", "B54", "B58", "B70", "B74")
async def test_a_desktop_takes_what_is_typed_is_shared_and_keeps_its_files(
    tmp_path: Path, sqlite_url: str, browser: Browser, context: BrowserContext, record_property: Callable[[str, object], None]
) -> None:
    async with recipe_studio(tmp_path, sqlite_url, "xpra") as studio:
        await studio.wait_built()
        first = await studio.open(await context.new_page(), SCREEN)
        await _work(studio, first, "echo typed by hand >note.txt", "note.txt", "typed by hand")

        await first.page.reload()
        await _work(studio, first, "history >history.txt", "history.txt", "echo typed by hand")

        others = await browser.new_context(viewport={"width": 1280, "height": 800})
        second = await studio.open(await others.new_page(), SCREEN)
        await _work(studio, second, "echo by the second >>note.txt", "note.txt", "by the second")
        await _work(studio, first, "echo and the first >>note.txt", "note.txt", "and the first")
        await others.close()

        await studio.stop()
        await expect(first.page.locator("#overlay")).to_be_visible()
        await studio.start()
        await _work(studio, first, "cp note.txt kept.txt", "kept.txt", "typed by hand")
        await studio.stop()
        await studio.check_migration("/workspace/kept.txt", "typed by hand")
        record_property("recipe", studio.figures)


async def _work(studio: RecipeStudio, tab: ToolTab, line: str, name: str, text: str) -> None:
    """Types a line into the terminal, until the file has the text: what is typed before a screen is wholly connected is lost."""

    async def is_done() -> bool:
        await _type_in_terminal(tab, line)
        with suppress(TimeoutError):
            await studio.file_has(f"/workspace/{name}", text, EFFECT_LIMIT_S)
            return True
        return False

    await eventually(is_done, every=0)


async def _type_in_terminal(tab: ToolTab, line: str) -> None:
    await tab.wait_shown()
    await expect(tab.tool.locator("#progress")).to_be_hidden()
    await tab.tool.locator(SCREEN).first.click(position=IN_TERMINAL)
    await tab.page.keyboard.press("Control+U")
    await tab.type_line(line)
