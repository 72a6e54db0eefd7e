"""VS Code in the browser: its terminal, its settings, and extensions from files."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browser.page_objects import TOOL_TIMEOUT_MS
from tests.images.recipe_studio import recipe_studio
from tests.images.tool_tab import ToolTab
from tests.waiting import eventually

WORKBENCH = ".monaco-workbench"
DARK = f"{WORKBENCH}.vs-dark"
READ_APPLICATION = "async () => { const answer = await fetch('/proxy/5000/notes.md'); return answer.ok ? await answer.text() : '' }"
MANIFEST = """<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="greeter" Version="1.0.0" Publisher="acme"/><DisplayName>Greeter</DisplayName></Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation><Dependencies/>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets></PackageManifest>"""
PACKAGE = {"name": "greeter", "displayName": "Greeter", "publisher": "acme", "version": "1.0.0", "engines": {"vscode": "^1.50.0"}}


@pytest.mark.behaviour("B3", "B50", "B70", "B74")
async def test_files_settings_and_extensions_are_there_after_a_restart(
    tmp_path: Path, sqlite_url: str, browser: Browser, context: BrowserContext, record_property: Callable[[str, object], None]
) -> None:
    async with recipe_studio(tmp_path, sqlite_url, "vscode") as studio:
        await studio.wait_built()
        tab = await studio.open(await context.new_page(), WORKBENCH)
        await _type_in_terminal(tab, "echo typed by hand >note.txt")
        await expect(_listed_file(tab, "note.txt")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
        await _type_in_terminal(tab, f"echo {_extension()} | base64 -d >greeter.vsix")
        await _type_in_terminal(tab, "code-server --install-extension greeter.vsix >installed.txt 2>&1")
        await studio.file_has("/workspace/installed.txt", "was successfully installed")
        dark = await tab.tool.locator(DARK).count() == 0
        await _run_command(tab, "Preferences: Toggle between Light/Dark Themes")
        await expect(tab.tool.locator(DARK)).to_have_count(int(dark))
        await studio.file_has("/root/.local/share/code-server/User/settings.json", "workbench.colorTheme")
        await tab.page.close()

        await studio.stop()
        await studio.start()
        others = await browser.new_context(viewport={"width": 1280, "height": 800})
        tab = await studio.open(await others.new_page(), WORKBENCH)
        await _open_file(tab, "note.txt", "typed by hand")
        await expect(tab.tool.locator(DARK)).to_have_count(int(dark))
        await _type_in_terminal(tab, "code-server --list-extensions >extensions.txt")
        await studio.file_has("/workspace/extensions.txt", "acme.greeter")
        await others.close()
        await studio.stop()
        await studio.check_migration("/workspace/extensions.txt", "acme.greeter")
        record_property("recipe", studio.figures)


@pytest.mark.behaviour("B50", "B70")
async def test_previews_and_web_applications_of_a_session_are_shown(tmp_path: Path, sqlite_url: str, context: BrowserContext) -> None:
    """A preview is a frame in a frame with a service worker; an application of the session's own is below /proxy/."""
    async with recipe_studio(tmp_path, sqlite_url, "vscode") as studio:
        await studio.wait_built()
        tab = await studio.open(await context.new_page(), WORKBENCH)
        await _type_in_terminal(tab, "echo '# Heading of the preview' >notes.md")
        await _open_file(tab, "notes.md", "Heading")
        await _run_command(tab, "Markdown: Open Preview")
        preview = tab.tool.frame_locator("iframe.webview").frame_locator("iframe#active-frame")
        await expect(preview.get_by_role("heading", name="Heading of the preview")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
        await _type_in_terminal(tab, "python3 -m http.server 5000 >/dev/null 2>&1 &")

        async def is_served() -> bool:
            return "Heading" in await tab.tool.locator("body").evaluate(READ_APPLICATION)

        await eventually(is_served, every=0.5)


def _listed_file(tab: ToolTab, name: str) -> Locator:
    return tab.tool.locator(".explorer-folders-view .monaco-list-row").filter(has_text=name)


async def _open_file(tab: ToolTab, name: str, text: str) -> None:
    """Opens a file in the editor, and waits until it shows the text."""
    await _listed_file(tab, name).dblclick(timeout=TOOL_TIMEOUT_MS)
    await expect(tab.tool.locator(".view-line").filter(has_text=text)).to_be_visible(timeout=TOOL_TIMEOUT_MS)


async def _run_command(tab: ToolTab, title: str) -> None:
    """Runs a command of the command palette, which a workbench that still loads closes again."""
    palette = tab.tool.locator(".quick-input-widget")

    async def is_listed() -> bool:
        if not await palette.is_visible():
            await tab.page.keyboard.press("F1")
            return False
        with suppress(PlaywrightTimeout):
            await palette.locator("input.input").fill(f">{title}", timeout=1_000)
            await palette.locator(".monaco-list-row").filter(has_text=title).first.click(timeout=5_000)
            return True
        return False

    await tab.tool.locator(".statusbar").click(position={"x": 300, "y": 5})
    await eventually(is_listed, every=0.5)


async def _type_in_terminal(tab: ToolTab, line: str) -> None:
    """Types a line into the terminal, which is opened if it is not."""
    terminal = tab.tool.locator(".terminal-wrapper.active .xterm-screen").first
    if not await terminal.is_visible():
        await _run_command(tab, "Terminal: Create New Terminal")
    await terminal.click(timeout=TOOL_TIMEOUT_MS)
    await tab.page.keyboard.insert_text(line)
    await tab.page.keyboard.press("Enter")


def _extension() -> str:
    """Returns an extension without code as a .vsix file in base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("extension.vsixmanifest", MANIFEST)
        archive.writestr("extension/package.json", json.dumps(PACKAGE))
    return base64.b64encode(buffer.getvalue()).decode()
