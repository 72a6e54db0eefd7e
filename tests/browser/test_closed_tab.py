"""A notebook without an open tab: its cells run on, what they print is kept, and users who have it open see the same."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, expect

from services.domain.access import Role
from services.domain.statuses import Tool
from services.store.db.database import Database
from tests.browser.page_objects import (
    CONNECT,
    STOP,
    TOOL_TIMEOUT_MS,
    URL,
    add_studio,
    create_colleague,
    expect_output,
    new_notebook,
    open_notebook,
    sign_in_at_session,
    start_studio,
    type_cell,
)
from tests.docker.built import provided
from tests.docker.server import docker_job
from tests.docker.visitor import visiting
from tests.factories import create_template
from tests.graphql_ids import global_id
from tests.jupyterlab import IMAGE
from tests.server import Server, running
from tests.soak import rounds
from tests.waiting import eventually

pytestmark = pytest.mark.slow
LINES = 90 if rounds(0) else 12
"""How many lines the cell prints, one a second. In `make soak`, more than the 60 s after which JupyterLab drops documents without a tab."""
PRINT_LINES = f"import time\nfor i in range({LINES}): print('line', i, flush=True); time.sleep(1)\n"
PRINT_WITHOUT_PAUSE = "import time\nfor i in range(10**5): print('number', i, flush=True); time.sleep(0.1)\n"
NOTEBOOK = "/api/contents/Untitled.ipynb"


@dataclass(frozen=True, slots=True)
class Session:
    """A running JupyterLab Studio."""

    server: Server
    studio: str

    async def open(self, tab: Page, token: str | None = None) -> FrameLocator:
        """Opens it in `tab` and signs in as the user who has `token`, or the owner. Returns the frame of JupyterLab."""
        await tab.goto((await self.server.graphql(URL, {"id": self.studio}))["studio"]["url"])
        await sign_in_at_session(tab, token or self.server.world.secret)
        return tab.frame_locator("#tool")

    async def saved(self, text: str) -> None:
        """Waits until the notebook's file holds `text`; no tab is open for it."""
        url = (await self.server.graphql(CONNECT, {"id": self.studio}))["connectStudio"]["url"]
        async with visiting(url, f"127.0.0.1:{self.server.port}") as visitor:

            async def holds_text() -> bool:
                return text in (await visitor.get(NOTEBOOK))[1]

            await eventually(holds_text, limit=LINES + 60, every=0.5)

    async def stop_and_start(self) -> None:
        await self.server.graphql(STOP, {"id": self.studio})
        await start_studio(self.server, self.studio)


@contextlib.asynccontextmanager
async def process_session(directory: Path, database_url: str, tools: Path) -> AsyncIterator[Session]:
    (directory / "data").mkdir(mode=0o700)
    (directory / "data/tools").symlink_to(tools)
    async with running(directory, database_url) as server:
        database = Database(database_url)
        template = await create_template(
            database, server.world.workspace_id, "JupyterLab", tool=Tool.JUPYTERLAB, image=IMAGE.image, tool_version=IMAGE.tool_version
        )
        await database.close()
        session = Session(server, await add_studio(server, templateId=global_id("Template", template)))
        await start_studio(server, session.studio)
        yield session


@contextlib.asynccontextmanager
async def docker_session(directory: Path, database_url: str) -> AsyncIterator[Session]:
    async with docker_job(directory, database_url, image=await provided("jupyter"), port=8888) as job:
        await start_studio(job.server, job.studio)
        yield Session(job.server, job.studio)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
async def session(request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Session]:
    if request.param == "docker":
        opened = docker_session(tmp_path, sqlite_url)
    else:
        opened = process_session(tmp_path, sqlite_url, request.getfixturevalue("jupyterlab_tools"))
    async with opened as session:
        yield session


@pytest.mark.soak
@pytest.mark.behaviour("B77")
async def test_what_a_cell_prints_without_a_tab_is_there_in_another_browser(
    session: Session, browser: Browser, context: BrowserContext, graces_tab: Page
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
    session: Session, context: BrowserContext, graces_tab: Page
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
async def test_a_kernel_that_dies_ends_its_cell_and_the_next_cell_runs(session: Session, context: BrowserContext) -> None:
    tab = await context.new_page()
    tool = await session.open(tab)
    await new_notebook(tab, tool)
    await type_cell(tab, tool, "import os; os.kill(os.getpid(), 9)")
    await expect_output(tool, "KernelEnded")
    await tool.get_by_role("dialog").get_by_role("button", name="Ok").click()
    await type_cell(tab, tool, "print(6 * 7)")
    await expect_output(tool, "42")
