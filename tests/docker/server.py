"""A real server whose compute environment is a Docker Engine, and one Studio that is started and stopped through its API."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from schema.ids import decode, encode
from services.compute.docker import naming
from services.compute.docker.engine import Engine
from services.compute.docker.naming import INSTALLATION
from services.compute.protocol import Upstream
from services.domain.session_name import SessionName
from services.store.db.database import Database
from services.store.tables import core
from tests.docker.engine import URL, remove_images
from tests.docker.tiny_image import docker, tiny_image
from tests.server import Server, seed
from tests.waiting import eventually

CREATE = """mutation($input: CreateStudioInput!) {
  createStudio(input: $input) { ... on StudioPayload { studio { id } } ... on Error { message } } }"""
START = """mutation($id: ID!) {
  startStudio(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } } }"""
STOP = """mutation($id: ID!) {
  stopStudio(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } } }"""
LIST_IMAGES = ("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")
STUDIO = "query($id: ID!) { studio(id: $id) { status statusMessage stopReason } }"


@dataclass
class Job:
    """One Studio on the engine at `url`."""

    server: Server
    database: Database
    studio: str
    url: str

    async def start(self) -> None:
        assert "studio" in (await self.server.graphql(START, {"id": self.studio}))["startStudio"]

    async def stop(self) -> None:
        assert "studio" in (await self.server.graphql(STOP, {"id": self.studio}))["stopStudio"]

    async def look(self) -> dict[str, Any]:
        studio: dict[str, Any] = (await self.server.graphql(STUDIO, {"id": self.studio}))["studio"]
        return studio

    async def status(self, expected: str, limit: float = 45) -> dict[str, Any]:
        """Wait for it; ERRORED in between fails."""

        async def there() -> dict[str, Any] | None:
            studio = await self.look()
            assert studio["status"] in (expected, "STARTING", "STOPPING", "RUNNING", "STOPPED"), studio
            return studio if studio["status"] == expected else None

        try:
            return await eventually(there, limit, 0.05)
        except TimeoutError:
            raise AssertionError(f"never {expected}: {await self.look()}\n{self.server.log[-3000:]}") from None

    async def message(self, part: str, limit: float = 45) -> dict[str, Any]:
        """Wait until the status message has these words in it."""

        async def there() -> dict[str, Any] | None:
            studio = await self.look()
            return studio if part in (studio["statusMessage"] or "") else None

        return await eventually(there, limit, 0.05)

    async def upstream(self) -> Upstream:
        return await self.upstream_of(decode(self.studio, "Studio"))

    async def upstream_of(self, studio_id: str) -> Upstream:
        """Returns the address of a Studio's tool, by the id of its row."""
        run = core.session.c
        async with self.database.read() as reader:
            newest = select(run.upstream).where(run.studio_id == studio_id).order_by(run.number.desc()).limit(1)
            return Upstream.from_json((await reader.execute(newest)).scalar_one())

    async def checkpoints(self) -> list[str]:
        async with self.database.read() as reader:
            rows = await reader.execute(select(core.checkpoint.c.status).order_by(core.checkpoint.c.number))
            return list(rows.scalars())

    def containers(self) -> list[str]:
        """The names of this installation's containers, whatever their state."""
        label_filter = f"label={INSTALLATION}={self.server.world.installation_id}"
        return docker("ps", "-a", "--filter", label_filter, "--format", "{{.Names}}", host=self.url).split()

    def networks(self) -> list[str]:
        label_filter = f"label={INSTALLATION}={self.server.world.installation_id}"
        return docker("network", "ls", "--filter", label_filter, "--format", "{{.Name}}", host=self.url).split()

    async def nothing_left(self) -> None:
        """Neither container nor network, soon."""

        async def gone() -> bool:
            return not self.containers() and not self.networks()

        await eventually(gone)

    def saves(self) -> dict[str, str]:
        """The checkpoints' images on the engine: name and id."""
        image_names = f"studiograph-{self.server.world.installation_id[:8]}/*"
        return dict(line.split() for line in docker(*LIST_IMAGES, image_names, host=self.url).splitlines())

    async def only_checkpoints_left(self) -> None:
        """Wait until on the engine is what the checkpoints' rows name, and it is what they say; nothing else of ours."""

        async def settled() -> bool:
            return not self.containers() and not self.networks() and self.saves() == await self.recorded()

        try:
            await eventually(settled, every=0.1)
        except TimeoutError:
            raise AssertionError((self.containers(), self.networks(), self.saves(), await self.recorded())) from None

    async def interfaces(self) -> set[str]:
        """The bridges of its sessions that are there, whatever the engine knows of them."""
        async with self.database.read() as reader:
            row = (await reader.execute(select(core.studio.c.id, core.studio.c.public_id, core.studio.c.session_number))).one()
        names = [SessionName(self.server.world.installation_id, row.id, row.public_id, n) for n in range(1, row.session_number + 1)]
        return {naming.bridge(name) for name in names} & {interface for _, interface in socket.if_nameindex()}

    async def recorded(self) -> dict[str, str]:
        """The same, as the checkpoints' rows have it."""
        saved = core.checkpoint.c
        async with self.database.read() as reader:
            rows = await reader.execute(
                select(saved.reference, saved.digest).where(saved.reference.is_not(None), saved.deleted_at.is_(None))
            )
            return {row.reference: row.digest for row in rows}


@asynccontextmanager
async def docker_job(
    directory: Path, database_url: str, url: str = URL, *, image: str = "", port: int = 8000, **settings: str
) -> AsyncIterator[Job]:
    """Ended with all that it left on the engine. `image` is the template's; the tiny tool's where none is given."""
    world = await seed(database_url)
    await contain(database_url, url, image, port)
    database = Database(database_url)
    server = Server(directory, database_url, world, {"process_compute": "false", **settings})
    try:
        await server.start()
        request = {"workspaceId": encode("Workspace", world.workspace_id), "templateId": encode("Template", world.template_id)}
        made = await server.graphql(CREATE, {"input": {**request, "name": "Contained", "autoStart": False}})
        job = Job(server, database, made["createStudio"]["studio"]["id"], url)
        yield job
    finally:
        await server.stop()
        await server.http.aclose()
        await database.close()
        await clean(url, world.installation_id)


async def contain(database_url: str, url: str, image: str = "", port: int = 8000) -> None:
    """From now on, the seeded world's sessions are containers of the engine at `url`."""
    database = Database(database_url)
    async with database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(kind="docker", settings={"url": url}, enabled=True))
        await transaction.execute(update(core.template).values(image=image or tiny_image(url), port=port))
    await database.close()


async def clean(url: str, installation: str) -> None:
    label_filter = f"label={INSTALLATION}={installation}"
    for kind, listing in (("rm -f", "ps -aq"), ("network rm", "network ls -q")):
        for object_id in docker(*listing.split(), "--filter", label_filter, host=url).split():
            docker(*kind.split(), object_id, host=url)
    engine = Engine(url)
    await remove_images(engine, installation)
    await engine.close()
