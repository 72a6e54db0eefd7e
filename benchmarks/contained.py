"""What the measurements of the docker kind share: a server on the engine, and the tool's first answer as anybody sees it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.compute.docker import readiness
from services.compute.docker.engine import Engine
from services.compute.protocol import Upstream
from services.store import migrate
from tests import needs
from tests.docker.server import Job, docker_job

PORT = 8000
PAUSE = 0.002


@asynccontextmanager
async def served() -> AsyncIterator[Job]:
    """A server with one Studio of the tiny tool, and nothing left of them afterwards. Ends the program where there is no engine."""
    if (why := needs.missing("docker")) is not None:
        print(f"Skipped: {why}.")
        raise SystemExit(0)
    with tempfile.TemporaryDirectory(prefix="sgb-", ignore_cleanup_errors=True) as directory:
        url = f"sqlite:///{directory}/bench.db"
        await migrate.upgrade(url)
        async with docker_job(Path(directory), url) as job:
            yield job


async def answered(engine: Engine, name: str) -> tuple[float, dict[str, Any]]:
    """When the container of this name (or id) first answered HTTP, and the container; the container need not be there yet."""
    while True:
        container = await engine.find(f"containers/{name}/json")
        if container is not None and (address := _address(container)):
            break
        await asyncio.sleep(PAUSE)
    while not await readiness.answers(Upstream(host=address, port=PORT), "/"):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(PAUSE)
    return time.time(), container


def _address(container: dict[str, Any]) -> str | None:
    for network in container["NetworkSettings"]["Networks"].values():
        if network["IPAddress"]:
            return str(network["IPAddress"])
    return None
