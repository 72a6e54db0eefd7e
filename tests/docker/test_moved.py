"""A session that listens elsewhere than it did is followed: its address, or the way to it, may change while it runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.compute.docker import DockerCompute
from services.compute.docker.reach import Mode
from services.compute.protocol import Upstream
from tests.compute.world import World
from tests.docker.engine import ENVIRONMENT, URL
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.docker.visitor import address, dial, visiting
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.behaviour("B12", "B50")]


async def test_a_running_session_at_another_address_is_reached_there(tmp_path: Path, sqlite_url: str) -> None:
    """As after a server moved, or somebody took the session off its network and put it back."""
    async with docker_job(tmp_path, sqlite_url) as job:
        await job.start()
        await job.status("RUNNING")
        before = await job.upstream()
        assert before.host
        [name], [network] = job.containers(), job.networks()
        docker("network", "disconnect", network, name)
        docker("network", "connect", "--ip", f"{before.host.rpartition('.')[0]}.{int(before.host.rpartition('.')[2]) + 5}", network, name)
        await job.server.kill9()
        await job.server.start()
        await eventually(lambda: moved(job, before))
        assert await job.upstream() == replace(before, host=(await job.upstream()).host)
        async with visiting(await address(job), dial(job)) as visitor:
            assert await visitor.get("/") == (200, "tiny")


async def moved(job: Job, before: Upstream) -> bool:
    return await job.upstream() != before


async def test_the_way_to_a_published_session_is_as_the_server_is_now(world: World) -> None:
    """It may have been started by a server that was no container, or on another machine than its engine's."""
    ways = {mode: DockerCompute(URL, world.installation, ENVIRONMENT, mode=mode) for mode in (Mode.PUBLISHED, Mode.DIRECT)}
    await world.compute.close()
    world.compute = ways[Mode.PUBLISHED]
    started = await world.start(world.name())
    published, direct = [(await way.observe(world.name())).upstream for way in ways.values()]
    assert published == started
    assert direct
    assert (direct.host, direct.port) != (started.host, started.port)
    assert direct == await ways[Mode.DIRECT].probe(world.name(), 8000, "/")
    await ways[Mode.DIRECT].close()
