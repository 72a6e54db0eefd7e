"""Our own server as a container of the engine whose socket it has, over a seeded database in a volume; gone without a trace at the end."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import update

from schema.ids import encode
from services.store.db.database import Database
from services.store.tables import core
from tests.docker.engine import URL
from tests.docker.server import CREATE, Job, clean
from tests.docker.tiny_image import docker, run, tiny_image
from tests.server import Server, seed
from tests.waiting import eventually

PORT = 8000
SOCKET = Path(URL.removeprefix("unix://"))
MOUNT = f"{SOCKET}:/var/run/docker.sock"
FILL = "cat >/data/studiograph.db && chown studiograph: /data/studiograph.db"


def group() -> str:
    """What `--group-add` must be told."""
    return str(SOCKET.stat().st_gid)


@asynccontextmanager
async def contained(directory: Path, database_url: str, image: str) -> AsyncIterator[Job]:
    """A Studio of the tiny tool, on a server that answers at a published port; the container and its volume are called alike."""
    world = await seed(database_url)
    database = Database(database_url)
    async with database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(kind="docker", settings={}))
        await transaction.execute(update(core.template).values(image=tiny_image(), port=8000))
    await database.close()
    name = name_of(world.installation_id)
    server = Server(directory, "", world)
    try:
        fill = ["run", "--rm", "--interactive", "--user", "0", "--volume", f"{name}:/data", image, "sh", "-c", FILL]
        docker(*fill, data=_content(database_url))
        docker("network", "create", network(name))
        server.port = await _serve(name, image)
        request = {"workspaceId": encode("Workspace", world.workspace_id), "templateId": encode("Template", world.template_id)}
        made = await server.graphql(CREATE, {"input": {**request, "name": "Contained", "autoStart": False}})
        yield Job(server, database, made["createStudio"]["studio"]["id"], URL)
    finally:
        await server.http.aclose()
        docker("rm", "--force", "--volumes", name)
        docker("volume", "rm", "--force", name)
        docker("network", "rm", network(name))
        await clean(URL, world.installation_id)


def _content(database_url: str) -> bytes:
    return Path(database_url.removeprefix("sqlite:///")).read_bytes()


async def replace(job: Job, image: str) -> None:
    """Another container takes the server's place, as after an update; on the same data, at another port."""
    docker("rm", "--force", container(job))
    job.server.port = await _serve(container(job), image)


def container(job: Job) -> str:
    """The server's own."""
    return name_of(job.server.world.installation_id)


def name_of(installation: str) -> str:
    return f"sgt-server-{installation[:8]}"


def network(name: str) -> str:
    """As compose makes one for its project: by the alphabet it comes after a session's container, and before its network."""
    return f"{name}_default"


async def _serve(name: str, image: str) -> int:
    words = ["--volume", f"{name}:/data", "--volume", MOUNT, "--group-add", group(), "--publish", f"127.0.0.1:0:{PORT}"]
    await run("run", "--detach", "--name", name, "--network", network(name), "--health-interval", "1s", *words, image)
    return await _served(name)


async def _served(name: str) -> int:
    """The published port, once the engine finds the server healthy."""

    async def healthy() -> int | None:
        [container] = json.loads(await run("inspect", name))
        assert container["State"]["Running"], docker("logs", name)
        if container["State"]["Health"]["Status"] != "healthy":
            return None
        return int(container["NetworkSettings"]["Ports"][f"{PORT}/tcp"][0]["HostPort"])

    return await eventually(healthy, every=0.2)
