"""Helpers of the benchmarks of the docker kind: a server on the engine, and the time of a tool's first answer."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from services.compute import http_probe
from services.compute.docker.engine import Engine
from services.store import migrate
from tests import needs
from tests.docker.server import Job, docker_job

PORT = 8000
POLL_INTERVAL_SECONDS = 0.002


@asynccontextmanager
async def served() -> AsyncIterator[Job]:
    """Yields a server with one Studio of the tiny tool, and removes both afterwards. Ends the program if there is no engine."""
    if (reason := needs.missing("docker")) is not None:
        print(f"Skipped: {reason}.")
        raise SystemExit(0)
    with tempfile.TemporaryDirectory(prefix="sgb-", ignore_cleanup_errors=True) as directory:
        url = f"sqlite:///{directory}/bench.db"
        await migrate.upgrade(url)
        async with docker_job(Path(directory), url) as job:
            yield job


async def answered(engine: Engine, name: str) -> tuple[float, dict[str, Any]]:
    """Waits until the container with this name or id answers HTTP. Returns that time, and the container's description."""
    while True:
        container = await engine.find(f"containers/{name}/json")
        if container is not None and (address := _address(container)):
            break
        await asyncio.sleep(POLL_INTERVAL_SECONDS)
    connect = partial(asyncio.open_connection, address, PORT)
    while not await http_probe.answers(connect, "/"):  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(POLL_INTERVAL_SECONDS)
    return time.time(), container


def _address(container: dict[str, Any]) -> str | None:
    for network in container["NetworkSettings"]["Networks"].values():
        if network["IPAddress"]:
            return str(network["IPAddress"])
    return None
