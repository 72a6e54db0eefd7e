"""The main job through the API on a Docker Engine: start, work, stop, start again; and the server dying in between."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schema.ids import decode
from services.store import sessions
from services.store.db.database import clock
from tests.compute.world import ask, get, put
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.soak import rounds
from tests.waiting import eventually

pytestmark = pytest.mark.docker
SEED = 7
START_TIMEOUT_SECONDS, SAVE_SECONDS, STOP_SECONDS = 0.8, 0.5, 1.0
"""In which a start, an interim save and a stop of the tiny tool are over: the kills fall before, between and after their steps."""


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

    await eventually(there)


@pytest.mark.behaviour("B12")
async def test_a_tool_that_ends_by_itself_is_saved(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    await ask(await job.upstream(), "GET", "/exit?code=0")
    assert (await job.status("STOPPED"))["stopReason"] == "EXITED"
    assert await job.checkpoints() == ["FINALIZED"]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.behaviour("B8", "B10", "B12", "B30", "B31")
async def test_kills_of_the_server_lose_nothing_and_leave_nothing(tmp_path: Path, sqlite_url: str) -> None:
    """Each round has three, at random points of a start, of an interim save, and of a stop."""
    chance = random.Random(SEED)
    count = rounds(3)
    async with docker_job(tmp_path, sqlite_url, checkpoint_interval_seconds="1") as job:
        for number in range(count):
            await job.start()
            await _kill(job, chance.uniform(0, START_TIMEOUT_SECONDS))
            await job.status("RUNNING")
            await _has_all(job, number)
            await put(await job.upstream(), str(number), f"round {number}".encode())
            await _saves(job, number + 1)
            await _kill(job, chance.uniform(0, SAVE_SECONDS))
            assert (await job.look())["status"] == "RUNNING"
            assert len(job.containers()) == 1
            await _has_all(job, number + 1)
            await job.stop()
            await _kill(job, chance.uniform(0, STOP_SECONDS))
            await job.status("STOPPED")
            await job.only_checkpoints_left()
        assert await job.checkpoints() == ["FINALIZED"] * count


async def _kill(job: Job, after: float) -> None:
    await asyncio.sleep(after)  # the point is what is random, so there is nothing to wait for
    await job.server.kill9()
    await job.server.start()


async def _has_all(job: Job, count: int) -> None:
    upstream = await job.upstream()
    for number in range(count):
        assert await get(upstream, str(number)) == f"round {number}".encode()


async def _saves(job: Job, number: int) -> None:
    """Until the session of this number is due to be saved; by then the save begins within some hundredths of a second."""

    async def due() -> bool:
        async with job.database.read() as reader:
            session = await sessions.find(reader, decode(job.studio, "Studio"), number)
            return bool(session and session.next_save_at and session.next_save_at <= await clock(reader.connection))

    await eventually(due)
