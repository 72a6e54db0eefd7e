"""A server on each kind of compute environment: what holds of a session holds on all of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.docker.engine import URL
from tests.docker.server import clean, contain
from tests.server import Server, running

Opening = Callable[..., AbstractAsyncContextManager[Server]]


@asynccontextmanager
async def contained(directory: Path, database_url: str, **settings: str) -> AsyncIterator[Server]:
    """Its sessions are containers of the machine's engine, gone at the end."""
    async with running(directory, database_url, process_compute="false", **settings) as server:
        await contain(database_url, URL)
        yield server
    await clean(URL, server.world.installation_id)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def opening(request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str) -> Opening:
    """Opens a server of each kind, with settings."""
    return partial(running if request.param == "process" else contained, tmp_path, sqlite_url)


@pytest.fixture
async def server(opening: Opening) -> AsyncIterator[Server]:
    async with opening() as made:
        yield made
