"""What a container uses, as a client of the API sees it; and what other engines say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.compute.docker import stats
from services.compute.protocol import ComputeUnknown, Usage
from tests.compute.world import World, ask, quietly, used
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.waiting import WAIT_LIMIT_S

pytestmark = pytest.mark.behaviour("B85")
MIB = 1 << 20
FIELDS = "at cpu cpuLimit memoryBytes memoryLimitBytes networkReceivedBytes networkSentBytes processes"
QUERY = f"query($id: ID!) {{ studio(id: $id) {{ stats {{ {FIELDS} }} }} }}"
WATCH = f"subscription($id: ID!) {{ studioStats(studioId: $id) {{ {FIELDS} }} }}"
DELETE = "mutation($id: ID!) { deleteStudio(input: { studioId: $id }) { __typename } }"


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    async with docker_job(tmp_path, sqlite_url) as job:
        yield job


async def until(frames: AsyncIterator[dict[str, Any]], matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first measurement like this."""
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(WAIT_LIMIT_S):
        async for frame in frames:
            seen.append(frame["studioStats"])
            if matches(seen[-1]):
                return seen[-1]
    raise AssertionError(f"the stream ended after {seen}")


@pytest.mark.docker
async def test_what_a_session_uses_is_streamed_while_it_runs_and_gone_afterwards(job: Job) -> None:
    await job.start()
    async with aclosing(job.server.subscribe(WATCH, {"id": job.studio})) as frames:  # type: ignore[type-var]  # an async generator
        first = await until(frames, lambda seen: seen["cpu"] < 0.5)  # once it has started
        assert (first["cpuLimit"], first["memoryLimitBytes"]) == (2.0, await _memory_limit(job))
        upstream = await job.upstream()
        await ask(upstream, "POST", "/upload", b"x" * (MIB - 1))
        await ask(upstream, "GET", f"/hold?n={64 * MIB}")
        burning = asyncio.create_task(ask(upstream, "GET", "/burn?seconds=3"))

        def is_busy(seen: dict[str, Any]) -> bool:
            memory, received = (seen[name] - first[name] for name in ("memoryBytes", "networkReceivedBytes"))
            return bool(seen["cpu"] > 0.15 and memory > 60 * MIB and received >= MIB - 1)

        busy = await until(frames, is_busy)
        assert (await job.server.graphql(QUERY, {"id": job.studio}))["studio"]["stats"]["at"] >= busy["at"]
        await burning
        await job.stop()
        await job.status("STOPPED")
        assert (await job.server.graphql(QUERY, {"id": job.studio}))["studio"] == {"stats": None}
        await job.server.graphql(DELETE, {"id": job.studio})
        async with asyncio.timeout(WAIT_LIMIT_S):
            async for _ in frames:
                pass  # what was still on its way; then it completes


async def _memory_limit(job: Job) -> int:
    data = await job.server.graphql("query($id: ID!) { studio(id: $id) { configuration { memoryMiB } } }", {"id": job.studio})
    return int(data["studio"]["configuration"]["memoryMiB"]) * MIB


def answer(**memory: Any) -> dict[str, Any]:
    """As of Docker 20.10 or Podman, in parts."""
    return {"read": "2026-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}}, "memory_stats": memory}


@pytest.mark.parametrize(
    ("counted", "used"),
    [
        ({"total_inactive_file": 10, "inactive_file": 5}, 90),
        ({"inactive_file": 30}, 70),
        ({"inactive_file": 200}, 100),
        ({}, 100),
    ],
    ids=["cgroup v1", "cgroup v2", "more cache than use", "no details"],
)
def test_memory_is_without_the_cache_that_can_be_dropped(counted: dict[str, int], used: int) -> None:
    assert stats.read(answer(usage=100, limit=1000, stats=counted)) == Usage(1.5, used, 1000)


def test_the_traffic_of_all_networks_counts() -> None:
    networks = {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}}
    usage = stats.read({**answer(usage=1), "networks": networks, "pids_stats": {"current": 3}})
    assert (usage.network_received_bytes, usage.network_sent_bytes, usage.processes) == (11, 22, 3)


@pytest.mark.parametrize("nonsense", [{"cpu_stats": {}}, {"memory_stats": {}}, {"memory_stats": None}, {"networks": {"eth0": None}}])
def test_an_engine_that_does_not_count_is_unknown(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ComputeUnknown, match="does not count"):
        stats.read({**answer(usage=1), **nonsense})


@pytest.mark.docker
async def test_a_container_has_its_limit_and_its_network(world: World) -> None:
    name = world.name()
    await world.compute.ensure_session(replace(world.spec(name), memory_mib=256), quietly)
    upstream = await world.ready(name)
    before = await used(world, name)
    assert before.memory_limit_bytes == 256 * MIB
    assert before.network_received_bytes is not None
    assert before.network_sent_bytes is not None
    for _ in range(3):
        await ask(upstream, "POST", "/upload", b"x" * (MIB - 1))
    await ask(upstream, "GET", f"/bytes?n={2 * MIB}")
    after = await used(world, name)
    assert after.network_received_bytes is not None
    assert after.network_sent_bytes is not None
    assert 3 * (MIB - 1) <= after.network_received_bytes - before.network_received_bytes < 4 * MIB
    assert 2 * MIB <= after.network_sent_bytes - before.network_sent_bytes < 3 * MIB


@pytest.mark.docker
async def test_a_container_that_was_renamed_is_found(world: World) -> None:
    await world.start(world.name())
    docker("rename", str(world.name()), f"{world.name()}-renamed")
    assert (await used(world, world.name())).memory_bytes > 0
