"""A world of the `docker` kind for one test: an installation of its own on the machine's engine, gone without a trace at the end."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.compute.docker import DockerCompute
from services.compute.docker.engine import Engine
from services.compute.protocol import ImageSpec
from services.domain.session_name import SessionName
from tests.compute.world import World
from tests.docker.tiny_image import run, tiny_image

URL = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
ENVIRONMENT = "e" * 32


@asynccontextmanager
async def docker_world(url: str = URL, staging_root: Path | None = None) -> AsyncIterator[World]:
    installation = uuid.uuid4().hex
    compute = DockerCompute(url, installation, ENVIRONMENT, staging_root=staging_root)
    world = World(compute, ImageSpec("CUSTOM", tiny_image(url), ""), installation)
    yield world
    for name in world.names:
        await world.compute.remove(name)
    await world.compute.close()
    engine = Engine(url)
    await remove_images(engine, installation)
    await engine.close()


async def remove_images(engine: Engine, installation: str) -> None:
    """The checkpoints of an installation. A child goes before its parent only by luck; names are all that is removed."""
    images = await engine.call("GET", "images/json", params={"filters": {"reference": [f"studiograph-{installation[:8]}/*"]}})
    for reference in [name for image in images for name in image["RepoTags"] or []]:
        await engine.call("DELETE", f"images/{reference}", params={"force": True})


async def paused(name: SessionName) -> bool:
    """Whether the engine has paused the session's container."""
    return await run("inspect", "--format", "{{.State.Paused}}", str(name)) == "true"
