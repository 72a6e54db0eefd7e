"""What cells output in JupyterLab, whose server runs them: the same as where a tab runs them."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, FrameLocator, Locator, Page, ViewportSize, expect

from tests.browser.jupyterlab_sessions import JupyterSession, process_session
from tests.browser.page_objects import TOOL_TIMEOUT_MS, new_notebook, open_notebook

pytestmark = [pytest.mark.slow, pytest.mark.behaviour("B77")]
TALL = ViewportSize(width=1200, height=4000)
"""Shows all cells: JupyterLab takes those that are out of view from the page."""

FRAMES = """from IPython.display import clear_output, display, HTML
for frame in range(3):
    clear_output(wait=True)
    print('frame', frame)
"""
CLEARED_LATER = """import time
print('kept until the next output', flush=True)
clear_output(wait=True)
while not __import__('os').path.exists('go-on'): time.sleep(0.05)
print('next output')
"""
DISPLAYS = """handle = display(HTML('<i>one</i>'), display_id=True)
display(HTML('<b>same</b>')); display(HTML('<b>same</b>'))
handle.update(HTML('<i>two</i>'))
"""
PROGRESS_BAR = """import sys
for done in range(11):
    print('\\r' + '█' * done + '·' * (10 - done) + f' {done}/10', end='', file=sys.stderr, flush=True)
print(' done', file=sys.stderr, flush=True)
print('on stdout')
"""
FAILING = "def fail():\n    raise ValueError('as expected')\nfail()"
LOOP = "import time\nwhile True: time.sleep(0.05)"
THREAD = """import threading
def print_later():
    while not __import__('os').path.exists('go-on-too'): time.sleep(0.05)
    print('from a thread', flush=True)
threading.Thread(target=print_later).start()
"""
FLUSHED_LINES = "for line in range(3000): print('a line of some length', line, flush=True)"
SWITCH_OFF = "!jupyter labextension disable --level=user @datalayer/jupyter-server-nbmodel && echo switched off"


@dataclass(frozen=True, slots=True)
class NotebookPage:
    """A notebook that is open in a tab."""

    tab: Page
    tool: FrameLocator

    async def run(self, code: str) -> Locator:
        """Types into the last cell and runs it. Returns the cell."""
        cells = self.tool.locator(".jp-Notebook .jp-CodeCell")
        number = await cells.count() - 1
        await cells.last.locator(".cm-content").click()
        await self.tab.keyboard.insert_text(code)
        await self.tab.keyboard.press("Shift+Enter")
        await expect(cells).to_have_count(number + 2)
        return cells.nth(number)

    async def run_loop(self) -> Locator:
        cell = await self.run(LOOP)
        await expect(prompt(cell)).to_have_text("[*]:")
        return cell

    async def press(self, button: str) -> None:
        """Presses a button of the notebook's toolbar."""
        await self.tool.locator(f".jp-NotebookPanel-toolbar .jp-Toolbar-item[data-jp-item-name='{button}']").click()

    async def answer(self, cell: Locator, question: str, text: str) -> None:
        """Answers a question of `input()`."""
        await cell.locator(".jp-Stdin").filter(has_text=question).locator("input").fill(text)
        await self.tab.keyboard.press("Enter")


def outputs(cell: Locator) -> Locator:
    return cell.locator(".jp-OutputArea-output")


def prompt(cell: Locator) -> Locator:
    return cell.locator(".jp-InputPrompt")


@pytest.fixture
async def session(tmp_path: Path, sqlite_url: str, jupyterlab_tools: Path) -> AsyncIterator[JupyterSession]:
    async with process_session(tmp_path, sqlite_url, jupyterlab_tools) as session:
        yield session


@pytest.fixture
async def notebook(session: JupyterSession, context: BrowserContext) -> NotebookPage:
    tab = await context.new_page()
    await tab.set_viewport_size(TALL)
    tool = await session.open(tab)
    await new_notebook(tab, tool)
    return NotebookPage(tab, tool)


def workspace(session: JupyterSession) -> Path:
    """Returns the directory in which the session's cells run."""
    return next((session.server.directory / "data/sessions").glob("*/files/workspace"))


async def test_cells_output_what_they_would_if_a_tab_ran_them(notebook: NotebookPage, session: JupyterSession) -> None:
    """One session for all, since a session takes most of the time."""
    await outputs_are_cleared(notebook, workspace(session))
    await displays_are_updated(notebook)
    await streams_errors_and_questions_are_shown(notebook)
    await threads_print_into_their_cell(notebook, workspace(session))
    await cells_are_interrupted(notebook)
    await the_kernel_is_restarted_while_a_cell_runs(notebook)
    await the_user_switches_server_side_execution_off(notebook, session)


async def outputs_are_cleared(notebook: NotebookPage, workspace: Path) -> None:
    await expect(outputs(await notebook.run(FRAMES))).to_have_text("frame 2\n")
    cell = await notebook.run(CLEARED_LATER)
    await expect(outputs(cell)).to_have_text("kept until the next output\n")
    await expect(prompt(cell)).to_have_text("[*]:")
    (workspace / "go-on").touch()
    await expect(outputs(cell)).to_have_text("next output\n")


async def displays_are_updated(notebook: NotebookPage) -> None:
    cell = await notebook.run(DISPLAYS)
    await expect(outputs(cell)).to_have_text(["two", "same", "same"])
    await notebook.run("handle.update(HTML('<i>three</i>'))")
    await expect(outputs(cell)).to_have_text(["three", "same", "same"])


async def streams_errors_and_questions_are_shown(notebook: NotebookPage) -> None:
    await expect(outputs(await notebook.run(PROGRESS_BAR))).to_have_text(["██████████ 10/10 done\n", "on stdout\n"])
    cell = await notebook.run(FLUSHED_LINES)
    await expect(outputs(cell).filter(has_text="a line of some length 2999")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
    error = outputs(await notebook.run(FAILING))
    await expect(error).to_contain_text("ValueError: as expected")
    await expect(error.locator("[class*=ansi-red]").first).to_be_visible()
    cell = await notebook.run("name = input('Your name? '); print('Hello', name, input('And yours? '))")
    await notebook.answer(cell, "Your name?", "Ada")
    await notebook.answer(cell, "And yours?", "Grace")
    await expect(outputs(cell).last).to_have_text("Hello Ada Grace\n")


async def threads_print_into_their_cell(notebook: NotebookPage, workspace: Path) -> None:
    cell = await notebook.run(THREAD)
    await expect(prompt(cell)).to_have_text(re.compile(r"\[\d+\]:"))  # it has ended
    (workspace / "go-on-too").touch()
    await expect(outputs(cell)).to_have_text("from a thread\n")


async def cells_are_interrupted(notebook: NotebookPage) -> None:
    cell = await notebook.run_loop()
    waiting = await notebook.run("print('waiting')")
    await notebook.press("interrupt")
    await expect(outputs(cell)).to_contain_text("KeyboardInterrupt")
    await expect(prompt(waiting)).to_have_text("[ ]:")
    cell = await notebook.run_loop()
    for key in ("Escape", "i", "i"):
        await notebook.tab.keyboard.press(key)
    await expect(outputs(cell)).to_contain_text("KeyboardInterrupt")
    await expect(outputs(waiting)).to_have_count(0)
    question = await notebook.run("input('Nobody answers: ')")
    await expect(question.locator("input.jp-Stdin-input")).to_be_visible()
    await notebook.press("interrupt")
    await expect(outputs(question).first).to_contain_text("KeyboardInterrupt")


async def the_kernel_is_restarted_while_a_cell_runs(notebook: NotebookPage) -> None:
    cell = await notebook.run_loop()
    await notebook.press("restart")
    await notebook.tool.get_by_role("button", name="Confirm Kernel Restart").click()
    await expect(outputs(cell)).to_contain_text("KeyboardInterrupt")  # JupyterLab interrupts a kernel before it ends it
    await expect(notebook.tool.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
    cell = await notebook.run("print('time' in dir())")
    await expect(outputs(cell)).to_have_text("False\n")
    await expect(prompt(cell)).to_have_text("[1]:")


async def the_user_switches_server_side_execution_off(notebook: NotebookPage, session: JupyterSession) -> None:
    """A cell that waits for another shows it, as only a tab's own execution does; the server's cells show no star until they run."""
    await expect(outputs(await notebook.run(SWITCH_OFF))).to_contain_text("switched off", timeout=TOOL_TIMEOUT_MS)
    await session.stop_and_start()
    await expect(notebook.tab.locator("#overlay")).to_be_hidden(timeout=TOOL_TIMEOUT_MS)
    await open_notebook(notebook.tab, notebook.tool)
    await expect(notebook.tool.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=TOOL_TIMEOUT_MS)
    await notebook.run_loop()
    await expect(prompt(await notebook.run("print('waiting')"))).to_have_text("[*]:")
