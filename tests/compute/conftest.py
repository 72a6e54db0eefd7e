"""One world per kind of compute environment, each gone without a trace at the end of its test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.compute.process import ProcessCompute
from services.compute.protocol import ImageSpec
from tests.compute.world import INSTALLATION, World, tiny_command
from tests.docker.engine import docker_world


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for temporary files of this test's own, with a short path: sockets go there."""
    directory = Path(tempfile.mkdtemp(prefix="sgt-"))
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def root(tmp_path: Path, sockets: Path) -> Path:
    """The data directory of the process kind."""
    return tmp_path / "data"


@asynccontextmanager
async def _process_world(root: Path) -> AsyncIterator[World]:
    made = World(ProcessCompute(root, INSTALLATION), ImageSpec("CUSTOM", tiny_command(), ""))
    yield made
    for name in made.names:
        await made.compute.remove(name)
    await made.compute.close()


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
async def world(request: pytest.FixtureRequest, root: Path) -> AsyncIterator[World]:
    """For tests over the protocol: one of each kind."""
    async with _process_world(root) if request.param == "process" else docker_world(staging_root=root / "staging") as made:
        yield made


@pytest.fixture
async def process_world(root: Path) -> AsyncIterator[World]:
    """For tests of what is the process kind's own: a module of such takes it for its `world`."""
    async with _process_world(root) as made:
        yield made
