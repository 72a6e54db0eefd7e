"""A notebook without an open tab: its cells run on, what they print is kept, and users who have it open see the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from services.domain.access import Role
from tests.browser.jupyterlab_sessions import JupyterSession, docker_session, process_session
from tests.browser.page_objects import (
    TOOL_TIMEOUT_MS,
    create_colleague,
    expect_output,
    new_notebook,
    open_notebook,
    type_cell,
)
from tests.soak import rounds

pytestmark = pytest.mark.slow
LINES = 90 if rounds(0) else 12
"""How many lines the cell prints, one a second. In `make soak`, more than the 60 s after which JupyterLab drops documents without a tab."""
PRINT_LINES = f"import time\nfor i in range({LINES}): print('line', i, flush=True); time.sleep(1)\n"
PRINT_WITHOUT_PAUSE = "import time\nfor i in range(10**5): print('number', i, flush=True); time.sleep(0.1)\n"


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
async def session(request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str) -> AsyncIterator[JupyterSession]:
    if request.param == "docker":
        opened = docker_session(tmp_path, sqlite_url)
    else:
        opened = process_session(tmp_path, sqlite_url, request.getfixturevalue("jupyterlab_tools"))
    async with opened as session:
        yield session


@pytest.mark.soak
@pytest.mark.behaviour("B77")
async def test_what_a_cell_prints_without_a_tab_is_there_in_another_browser(
    session: JupyterSession, browser: Browser, context: BrowserContext, graces_tab: Page
) -> None:
    """The server of ours is killed in between, too."""
    tab = await context.new_page()
    tool = await session.open(tab)
    await new_notebook(tab, tool)
    await type_cell(tab, tool, PRINT_LINES)
    await expect_output(tool, "line 1")
    await context.close()
    await session.server.kill9()
    await session.server.start()
    await session.saved(f"line {LINES - 1}")

    tool = await session.open(graces_tab)
    await open_notebook(graces_tab, tool)
    await expect(tool.locator(".jp-OutputArea-output")).to_have_text("\n".join(f"line {i}" for i in range(LINES)) + "\n")
    await expect(tool.locator(".jp-InputPrompt").first).to_have_text("[1]:")
    await type_cell(graces_tab, tool, "print(6 * 7)")
    await expect_output(tool, "42")
    await expect(tool.locator(".jp-InputPrompt").nth(1)).to_have_text("[2]:")


@pytest.mark.behaviour("B77", "B50")
async def test_two_users_see_each_others_cells_and_a_stop_keeps_what_was_printed(
    session: JupyterSession, context: BrowserContext, graces_tab: Page
) -> None:
    adas_tab = await context.new_page()
    adas = await session.open(adas_tab)
    await new_notebook(adas_tab, adas)
    await type_cell(adas_tab, adas, "print('from Ada')")
    await expect_output(adas, "from Ada")
    graces = await session.open(graces_tab, await create_colleague(session.server, Role.CONNECT, "grace"))
    await open_notebook(graces_tab, graces)
    await expect_output(graces, "from Ada")
    await type_cell(graces_tab, graces, "print('from Grace')")
    await expect_output(adas, "from Grace")
    await type_cell(adas_tab, adas, PRINT_WITHOUT_PAUSE)
    await expect_output(graces, "number 30")  # it has been printing for 3 s

    await session.stop_and_start()
    for tab, tool in ((adas_tab, adas), (graces_tab, graces)):
        await expect(tab.locator("#overlay")).to_be_hidden(timeout=TOOL_TIMEOUT_MS)
        await open_notebook(tab, tool)
        await expect_output(tool, "number 30")
        await expect(tool.locator(".jp-OutputArea-output").filter(has_text="from Ada")).to_have_count(1)
        await expect(tool.locator(".jp-CodeCell").filter(has_text="print('from Grace')")).to_have_count(1)


@pytest.mark.behaviour("B77")
async def test_a_kernel_that_dies_ends_its_cell_and_the_next_cell_runs(session: JupyterSession, context: BrowserContext) -> None:
    tab = await context.new_page()
    tool = await session.open(tab)
    await new_notebook(tab, tool)
    await type_cell(tab, tool, "import os; os.kill(os.getpid(), 9)")
    await expect_output(tool, "KernelEnded")
    await tool.get_by_role("dialog").get_by_role("button", name="Ok").click()
    await type_cell(tab, tool, "print(6 * 7)")
    await expect_output(tool, "42")
