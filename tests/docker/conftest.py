"""A world of the `docker` kind, and the engine's own client beside it."""

from collections.abc import AsyncIterator

import pytest

from tests.compute.world import World
from tests.docker.engine import docker_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with docker_world() as made:
        yield made
