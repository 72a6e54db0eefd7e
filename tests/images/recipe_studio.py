"""A Studio of a provided recipe on the Docker Engine, whose image the server builds, opened in a browser through the proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page

from services.store.tables import core
from tests.browser.page_objects import URL, sign_in_at_session
from tests.docker.built import base_image, certificates
from tests.docker.migrations import migrate
from tests.docker.recipe_jobs import log
from tests.docker.server import CREATE, Job, docker_job
from tests.docker.tiny_image import docker, run
from tests.factories import create_template
from tests.graphql_ids import global_id
from tests.images.tool_tab import ToolTab
from tests.waiting import WAIT_LIMIT_S, eventually

BUILD_LIMIT_S = 1800.0
"""Seconds for a build whose packages come over a slow network."""
MIB = 1 << 20
NEWER_FILE, NEWER_VERSION = "/opt/newer-release", "999.0"
ADD_TEMPLATE = """mutation($input: CreateTemplateInput!) {
  createTemplate(input: $input) { ... on TemplatePayload { template { id image } } ... on Error { message } } }"""


@dataclass(slots=True)
class RecipeStudio:
    """A Studio whose template is made from a recipe. Times in seconds."""

    job: Job
    recipe: str
    image: str
    build_seconds: float = 0.0
    start_seconds: float = 0.0

    @property
    def figures(self) -> str:
        size = int(docker("image", "inspect", "-f", "{{.Size}}", self.image)) // MIB
        return f"{self.recipe}: built in {self.build_seconds:.0f} s, {size} MiB, starts in {self.start_seconds:.1f} s"

    async def wait_built(self) -> None:
        """Waits until the first start has built the image and its tool answers; the build's log is there."""
        begun = monotonic()
        await self._status_within("BUILDING", 60)

        async def is_over() -> bool:
            return bool((await self.job.look())["status"] != "BUILDING")

        await eventually(is_over, limit=BUILD_LIMIT_S, every=0.5)
        self.build_seconds = monotonic() - begun
        await self._status_within("RUNNING", 180)
        assert "Successfully tagged" in await log(self.job)

    async def stop(self) -> None:
        await self.job.stop()
        await self._status_within("STOPPED", 300)

    async def start(self) -> None:
        begun = monotonic()
        await self.job.start()
        await self._status_within("RUNNING", 180)
        self.start_seconds = monotonic() - begun

    async def open(self, page: Page, shows: str) -> ToolTab:
        """Opens the session in the page, as the owner, and returns its tab once the tool shows the selector `shows`."""
        tab = ToolTab(page, shows)
        await page.goto((await self.job.server.graphql(URL, {"id": self.job.studio}))["studio"]["url"])
        if urlsplit(page.url).path == "/login":
            await sign_in_at_session(page, self.job.server.world.secret)
        await tab.wait_shown()
        return tab

    async def file_has(self, path: str, text: str, limit: float = WAIT_LIMIT_S) -> None:
        """Waits until a file of the session has the text. Raises TimeoutError."""

        async def is_there() -> bool:
            return text in await run("exec", *self.job.containers(), "sh", "-c", f"cat {path} 2>/dev/null || true")

        await eventually(is_there, limit=limit, every=0.2)

    async def check_migration(self, path: str, text: str) -> None:
        """Migrates the stopped Studio to a newer release: the tool answers, nothing is wrong, and the file has the text. Discards that."""
        await self._add_newer_release()
        migration = await migrate(self.job)
        await migration.status("RUNNING", 180)
        outcome = await migration.result(180)
        assert (outcome["state"], outcome["issues"]) == ("SUCCEEDED", [])
        await self.file_has(path, text)
        await self.file_has(NEWER_FILE, "newer")
        await migration.discard()

    async def _add_newer_release(self) -> None:
        """Adds a template of the same tool, whose image has one file more."""
        newer = f"studiograph-test/{self.recipe}-newer:{self.image.rpartition(':')[2]}"
        docker("build", "-q", "-t", newer, "-", data=f"FROM {self.image}\nRUN echo newer >{NEWER_FILE}\n".encode())
        async with self.job.database.read() as reader:
            row = (await reader.execute(core.template.select().where(core.template.c.image == self.image))).one()
        kept = {name: getattr(row, name) for name in ("tool", "connect_version", "port", "ready_path", "embeddable", "prefix_capable")}
        await create_template(self.job.database, row.workspace_id, "Newer", image=newer, tool_version=NEWER_VERSION, **kept)

    async def _status_within(self, status: str, seconds: float) -> None:
        async def is_reached() -> bool:
            studio = await self.job.look()
            assert studio["status"] not in {"ERRORED", "BUILD_FAILED"}, (studio, (await log(self.job))[-4000:])
            return bool(studio["status"] == status)

        await eventually(is_reached, limit=seconds, every=0.05)


@asynccontextmanager
async def recipe_studio(directory: Path, database_url: str, recipe: str) -> AsyncIterator[RecipeStudio]:
    """A Studio that is being built. Everything but the image is removed from the engine at the end."""
    trusted = directory / "authorities.crt"
    trusted.write_bytes(certificates() or b"")
    async with docker_job(directory, database_url, image_base=await base_image(), image_certificates=str(trusted)) as job:
        world = job.server.world
        template = await _add_template(job, {"workspaceId": global_id("Workspace", world.workspace_id), "name": recipe, "recipe": recipe})
        fields = {"workspaceId": global_id("Workspace", world.workspace_id), "templateId": template["id"]}
        made = await job.server.graphql(CREATE, {"input": {**fields, "name": "Work", "autoStart": True}})
        job.studio = made["createStudio"]["studio"]["id"]
        yield RecipeStudio(job, recipe, template["image"])


async def _add_template(job: Job, fields: dict[str, str]) -> dict[str, Any]:
    template: dict[str, Any] = (await job.server.graphql(ADD_TEMPLATE, {"input": fields}))["createTemplate"]["template"]
    return template
