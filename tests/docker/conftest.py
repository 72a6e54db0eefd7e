"""A world of the `docker` kind, and a `DockerCompute` over an engine that answers as it is told."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.compute.docker import DockerCompute
from tests.compute.world import World
from tests.docker.engine import docker_world
from tests.docker.fake_engine import ENVIRONMENT, NAME, FakeEngine, fake_engine


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with docker_world() as made:
        yield made


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    with tempfile.TemporaryDirectory(prefix="sgt-") as directory:
        async with fake_engine(Path(directory)) as made:
            yield made


@pytest.fixture
async def compute(fake: FakeEngine) -> AsyncIterator[DockerCompute]:
    made = DockerCompute(fake.url, NAME.installation, ENVIRONMENT)
    yield made
    await made.close()
