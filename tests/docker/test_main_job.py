"""The main job through the API on a Docker Engine: start, work, stop, start again; and the server dying in between."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.compute.world import ask, get, put
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.server import wait_for

pytestmark = pytest.mark.docker
SEED = 7
LONGEST_STEP = 1.8
"""Seconds in which a start or stop of the tiny tool is over: the kills fall before, between and after its steps."""


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    async with docker_job(tmp_path, sqlite_url) as job:
        yield job


@pytest.mark.behaviour("B3", "B5", "B8", "B10", "B30")
async def test_work_is_there_again_after_a_stop_and_a_start(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    await put(await job.upstream(), "notes/a.txt", b"hello")
    assert len(job.containers()) == len(job.networks()) == 1
    await job.stop()
    await job.status("STOPPED")
    assert job.containers() == job.networks() == []
    assert await job.checkpoints() == ["FINALIZED"]
    await job.start()
    await job.status("RUNNING")
    assert await get(await job.upstream(), "notes/a.txt") == b"hello"


@pytest.mark.behaviour("B12", "B31")
async def test_a_killed_session_is_saved_and_named(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    await put(await job.upstream(), "a.txt", b"hello")
    docker("kill", *job.containers())
    await _errored(job)
    await job.start()
    await job.status("RUNNING")
    assert await get(await job.upstream(), "a.txt") == b"hello"


async def _errored(job: Job) -> None:
    async def there() -> bool:
        return bool((await job.look())["status"] == "ERRORED")

    await wait_for(there)


@pytest.mark.behaviour("B12")
async def test_a_tool_that_ends_by_itself_is_saved(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    await ask(await job.upstream(), "GET", "/exit?code=0")
    assert (await job.status("STOPPED"))["stopReason"] == "EXITED"
    assert await job.checkpoints() == ["FINALIZED"]


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [10])
@pytest.mark.behaviour("B8", "B10", "B12")
async def test_kills_of_the_server_during_start_and_stop_lose_nothing(job: Job, rounds: int) -> None:
    chance = random.Random(SEED)
    for number in range(rounds):
        await job.start()
        await _kill(job, chance)
        await job.status("RUNNING")
        upstream = await job.upstream()
        for earlier in range(number):
            assert await get(upstream, str(earlier)) == f"round {earlier}".encode()
        await put(upstream, str(number), f"round {number}".encode())
        assert len(job.containers()) == 1
        await job.stop()
        await _kill(job, chance)
        await job.status("STOPPED")
    assert await job.checkpoints() == ["FINALIZED"] * rounds
    await _nothing_left(job)
    assert len(job.images()) == rounds


async def _kill(job: Job, chance: random.Random) -> None:
    await asyncio.sleep(chance.uniform(0, LONGEST_STEP))  # the point is what is random, so there is nothing to wait for
    await job.server.kill9()
    await job.server.start()


async def _nothing_left(job: Job) -> None:
    async def gone() -> bool:
        return not job.containers() and not job.networks()

    await wait_for(gone)
