"""VS Code in the browser: its terminal, its settings, and extensions from files."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, FrameLocator, Locator, Page, expect

from tests.browser.page_objects import TOOL_TIMEOUT_MS
from tests.images.recipe_studio import recipe_studio

WORKBENCH = ".monaco-workbench"
MANIFEST = """<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="greeter" Version="1.0.0" Publisher="acme"/><DisplayName>Greeter</DisplayName></Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation><Dependencies/>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets></PackageManifest>"""
PACKAGE = {"name": "greeter", "displayName": "Greeter", "publisher": "acme", "version": "1.0.0", "engines": {"vscode": "^1.50.0"}}


@pytest.mark.behaviour("B3", "B50", "B70")
async def test_files_settings_and_extensions_are_there_after_a_restart(
    tmp_path: Path, sqlite_url: str, browser: Browser, context: BrowserContext, record_property: Callable[[str, object], None]
) -> None:
    async with recipe_studio(tmp_path, sqlite_url, "vscode") as studio:
        await studio.wait_built()
        tab = await context.new_page()
        tool = await studio.open(tab, WORKBENCH)
        await _type_in_terminal(tab, tool, "echo typed by hand >note.txt")
        await expect(_listed_file(tool, "note.txt")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
        await _type_in_terminal(tab, tool, f"echo {_extension()} | base64 -d >greeter.vsix")
        await _type_in_terminal(tab, tool, "code-server --install-extension greeter.vsix >installed.txt 2>&1")
        await studio.file_has("/workspace/installed.txt", "was successfully installed")
        is_dark = await _is_dark(tool)
        await _run_command(tab, tool, "Preferences: Toggle between Light/Dark Themes")
        await studio.file_has("/root/.local/share/code-server/User/settings.json", "workbench.colorTheme")
        await tab.close()

        await studio.stop()
        await studio.start()
        others = await browser.new_context(viewport={"width": 1280, "height": 800})
        tab = await others.new_page()
        tool = await studio.open(tab, WORKBENCH)
        await _listed_file(tool, "note.txt").dblclick(timeout=TOOL_TIMEOUT_MS)
        await expect(tool.locator(".view-line").filter(has_text="typed by hand")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
        assert await _is_dark(tool) is not is_dark
        await _type_in_terminal(tab, tool, "code-server --list-extensions >extensions.txt")
        await studio.file_has("/workspace/extensions.txt", "acme.greeter")
        await others.close()
        await studio.stop()
        record_property("recipe", studio.figures)


def _listed_file(tool: FrameLocator, name: str) -> Locator:
    return tool.locator(".explorer-folders-view .monaco-list-row").filter(has_text=name)


async def _is_dark(tool: FrameLocator) -> bool:
    return await tool.locator(".monaco-workbench.vs-dark").count() > 0


async def _run_command(tab: Page, tool: FrameLocator, title: str) -> None:
    """Runs a command of the command palette."""
    await tool.locator(WORKBENCH).click(position={"x": 640, "y": 5})
    await tab.keyboard.press("F1")
    await tool.locator(".quick-input-widget input").fill(f">{title}")
    await tool.locator(".quick-input-list .monaco-list-row").filter(has_text=title).first.click(timeout=TOOL_TIMEOUT_MS)


async def _type_in_terminal(tab: Page, tool: FrameLocator, line: str) -> None:
    """Types a line into the terminal, which is opened if it is not."""
    terminal = tool.locator(".terminal-wrapper.active .xterm-screen").first
    if not await terminal.is_visible():
        await _run_command(tab, tool, "Terminal: Create New Terminal")
    await terminal.click(timeout=TOOL_TIMEOUT_MS)
    await tab.keyboard.insert_text(line)
    await tab.keyboard.press("Enter")


def _extension() -> str:
    """Returns an extension without code as a .vsix file in base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("extension.vsixmanifest", MANIFEST)
        archive.writestr("extension/package.json", json.dumps(PACKAGE))
    return base64.b64encode(buffer.getvalue()).decode()
