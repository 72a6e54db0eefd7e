"""Running JupyterLab Studios of both kinds, for tests in a browser."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import FrameLocator, Page

from services.domain.statuses import Tool
from services.store.db.database import Database
from tests.browser.page_objects import CONNECT, STOP, URL, add_studio, sign_in_at_session, start_studio
from tests.docker.built import provided
from tests.docker.server import docker_job
from tests.docker.visitor import visiting
from tests.factories import create_template
from tests.graphql_ids import global_id
from tests.jupyterlab import IMAGE
from tests.server import Server, running
from tests.waiting import eventually

NOTEBOOK = "/api/contents/Untitled.ipynb"
SAVE_LIMIT_S = 180.0
"""A cell prints for up to 90 s before what is waited for is in the file."""


@dataclass(frozen=True, slots=True)
class JupyterSession:
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

            await eventually(holds_text, limit=SAVE_LIMIT_S, every=0.5)

    async def stop_and_start(self) -> None:
        await self.server.graphql(STOP, {"id": self.studio})
        await start_studio(self.server, self.studio)


@contextlib.asynccontextmanager
async def process_session(directory: Path, database_url: str, tools: Path) -> AsyncIterator[JupyterSession]:
    (directory / "data").mkdir(mode=0o700)
    (directory / "data/tools").symlink_to(tools)
    async with running(directory, database_url) as server:
        database = Database(database_url)
        template = await create_template(
            database, server.world.workspace_id, "JupyterLab", tool=Tool.JUPYTERLAB, image=IMAGE.image, tool_version=IMAGE.tool_version
        )
        await database.close()
        session = JupyterSession(server, await add_studio(server, templateId=global_id("Template", template)))
        await start_studio(server, session.studio)
        yield session


@contextlib.asynccontextmanager
async def docker_session(directory: Path, database_url: str) -> AsyncIterator[JupyterSession]:
    async with docker_job(directory, database_url, image=await provided("jupyter"), port=8888) as job:
        await start_studio(job.server, job.studio)
        yield JupyterSession(job.server, job.studio)
