"""How this server reaches a session: at its own address, at a published port, or from a container of the same engine."""

import json
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.compute.docker import DockerCompute
from services.compute.docker.engine import Engine
from services.compute.docker.reach import Mode, find
from tests.compute.world import World, ask
from tests.docker.engine import ENVIRONMENT, URL
from tests.docker.fake_engine import FakeEngine, fake_engine
from tests.docker.tiny_image import docker, run

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    with tempfile.TemporaryDirectory(prefix="sgt-") as directory:
        async with fake_engine(Path(directory)) as made:
            yield made


async def test_an_engine_whose_bridge_is_elsewhere_publishes_ports(fake: FakeEngine) -> None:
    fake.answers = {"GET /networks/bridge": {"Id": "b", "IPAM": {"Config": [{"Subnet": "192.0.2.0/24"}]}}}
    engine = Engine(fake.url)
    assert (await find(engine)).mode is Mode.PUBLISHED
    await engine.close()


async def test_an_engine_of_this_machine_is_reached_directly(fake: FakeEngine) -> None:
    fake.answers = {"GET /networks/bridge": {"Id": "b", "IPAM": {"Config": [{"Subnet": "192.0.2.0/24", "Gateway": "127.0.0.1"}]}}}
    engine = Engine(fake.url)
    assert (await find(engine)).mode is Mode.DIRECT
    await engine.close()


@pytest.mark.docker
async def test_the_check_says_how_sessions_are_reached(world: World) -> None:
    report = await world.compute.check()
    assert any("Sessions are reached at" in note for note in report.notes)


@pytest.mark.docker
async def test_a_published_port_is_for_this_machine_alone(world: World) -> None:
    world.compute = DockerCompute(URL, world.installation, ENVIRONMENT, mode=Mode.PUBLISHED)
    assert any("its own filter, which this server cannot see" in warning for warning in (await world.compute.check()).warnings)
    upstream = await world.start(world.name())
    assert upstream.host == "127.0.0.1"
    assert await ask(upstream, "GET", "/") == (200, b"tiny")
    [inspected] = json.loads(docker("inspect", str(world.name())))
    assert {binding["HostIp"] for binding in inspected["NetworkSettings"]["Ports"]["8000/tcp"]} == {"127.0.0.1"}


@pytest.mark.docker
async def test_from_a_container_of_the_engine_its_sessions_are_joined(world: World) -> None:
    """Our code runs in a container with the engine's socket, and starts a session beside itself."""
    packages = Path(json.__file__).parents[1] if sys.prefix == sys.base_prefix else Path(sys.prefix, "lib")
    mounts = [f"{ROOT}:{ROOT}:ro", f"{packages}:{packages}:ro", f"{URL.removeprefix('unix://')}:/var/run/docker.sock"]
    site = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    python = docker("image", "inspect", "-f", "{{index .Config.Cmd 0}}", world.image.image)
    output = await run(
        *("run", "--rm", "--network", "bridge", "-e", f"PYTHONPATH={ROOT}:{site}", "-w", str(ROOT)),
        *(word for mount in mounts for word in ("-v", mount)),
        *(world.image.image, python, "-m", "tests.docker.joined", world.installation, world.image.image),
    )
    assert output.splitlines() == ["JOINED", "10.213", "200 tiny", "gone"]
