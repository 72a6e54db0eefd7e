"""The engine stopped, killed, frozen and started again under a running Studio: unknown is not stopped, and soon all is true again."""

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from services.compute.protocol import ComputeUnknown, Presence
from services.domain.session_name import SessionName
from tests.compute.world import get, put
from tests.docker.engine import docker_world
from tests.docker.second_engine import SecondEngine, second_engine
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker, run
from tests.soak import rounds
from tests.waiting import eventually

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.dockerd,
]
SEED = 11
LONGEST_STEP = 1.5
SOON = 10.0
"""Seconds after the engine's return in which everything must be true again (issue 3)."""


@pytest.fixture
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[SecondEngine]:
    """Under a short path: its sockets' paths may have 108 characters."""
    async with second_engine(Path(tempfile.mkdtemp(prefix="sgt-")), live_restore=request.param) as made:
        yield made


@pytest.fixture
async def job(engine: SecondEngine, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    async with docker_job(tmp_path, sqlite_url, engine.url) as made:
        await made.start()
        await made.status("RUNNING")
        await put(await made.upstream(), "a.txt", b"hello")
        yield made


mortal = pytest.mark.parametrize("engine", [False], indirect=True, ids=["mortal"])
live = pytest.mark.parametrize("engine", [True], indirect=True, ids=["live-restore"])


async def ended(job: Job) -> None:
    async def there() -> bool:
        return bool((await job.look())["status"] in ("STOPPED", "ERRORED"))

    await eventually(there, SOON)


@mortal
@pytest.mark.behaviour("B12", "B31")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_what_an_engine_took_with_it_is_saved_on_its_return(engine: SecondEngine, job: Job, how: signal.Signals) -> None:
    """One that is asked to end ends its sessions first, and may still tell us of it; one that is killed tells nothing."""
    await engine.end(how)
    if how is signal.SIGKILL:
        await job.message("does not answer")
        assert (await job.look())["status"] == "RUNNING"
    await engine.start()
    await ended(job)
    await job.start()
    await job.status("RUNNING")
    assert await get(await job.upstream(), "a.txt") == b"hello"


@live
@pytest.mark.behaviour("B12")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_session_lives_on_without_its_engine(engine: SecondEngine, job: Job, how: signal.Signals) -> None:
    await engine.end(how)
    await job.message("does not answer")
    assert await get(await job.upstream(), "a.txt") == b"hello"
    await engine.start()
    begun = time.monotonic()
    await eventually(lambda: quiet(job), SOON)
    assert (await job.look())["status"] == "RUNNING"
    assert time.monotonic() - begun < SOON
    await job.stop()
    await job.status("STOPPED")


async def quiet(job: Job) -> bool:
    return "does not answer" not in ((await job.look())["statusMessage"] or "")


@live
@pytest.mark.behaviour("B12")
async def test_a_session_that_died_meanwhile_is_found_out(engine: SecondEngine, job: Job) -> None:
    pid = int(docker("inspect", "-f", "{{.State.Pid}}", *job.containers(), host=engine.url))
    await engine.end(signal.SIGKILL)
    await job.message("does not answer")
    os.kill(pid, signal.SIGKILL)
    await engine.start()
    await ended(job)
    assert await job.checkpoints() == ["FINALIZED"]


@live
@pytest.mark.behaviour("B12", "B30")
async def test_a_session_whose_save_died_with_the_engine_goes_on(engine: SecondEngine) -> None:
    """A commit pauses the session; an engine that dies meanwhile never lets go of it."""
    async with docker_world(engine.url) as world:
        name = world.name()
        await world.start(name)
        docker("exec", str(name), "dd", "if=/dev/zero", "of=/workspace/big", "bs=1M", "count=400", host=engine.url)
        save = asyncio.create_task(world.save(name, "c1", interim=True))
        await eventually(lambda: paused(engine, name))
        await engine.end(signal.SIGKILL)
        with pytest.raises(ComputeUnknown):
            await save
        await engine.start()
        assert await paused(engine, name)
        assert await world.presence(name) is Presence.RUNNING
        assert not await paused(engine, name)
        assert (await world.save(name, "c1", interim=True)).size > 0


async def paused(engine: SecondEngine, name: SessionName) -> bool:
    return await run("-H", engine.url, "inspect", "--format", "{{.State.Paused}}", str(name)) == "true"


@live
@pytest.mark.behaviour("B12")
async def test_a_frozen_engine_stops_nothing(engine: SecondEngine, job: Job) -> None:
    engine.freeze()
    await job.message("does not answer", 60)
    assert (await job.look())["status"] == "RUNNING"
    engine.resume()
    await eventually(lambda: quiet(job), SOON)
    await job.stop()
    await job.status("STOPPED")


@mortal
@pytest.mark.behaviour("B8")
async def test_a_stop_without_an_engine_waits_for_it(engine: SecondEngine, job: Job) -> None:
    await engine.end(signal.SIGKILL)
    await job.stop()
    await job.message("does not answer")
    assert (await job.look())["status"] == "STOPPING"
    await engine.start()
    await job.status("STOPPED", SOON)
    assert await job.checkpoints() == ["FINALIZED"]


@mortal
@pytest.mark.soak
@pytest.mark.behaviour("B8", "B12", "B31")
async def test_an_engine_killed_at_random_points_loses_no_saved_work(engine: SecondEngine, job: Job) -> None:
    """A start may fail with its engine; what was finalised is there again, and nothing is left behind."""
    chance = random.Random(SEED)
    kept = ["a.txt"]
    for number in range(rounds(4)):
        await job.stop()
        await _kill(engine, chance)
        await job.status("STOPPED")
        await job.start()
        await _kill(engine, chance)
        await stable(job)
        if (await job.look())["status"] != "RUNNING":
            await job.start()
            await job.status("RUNNING")
        upstream = await job.upstream()
        assert [path for path in kept if await get(upstream, path) is None] == []
        await put(upstream, f"{number}.txt", b"more")
        kept.append(f"{number}.txt")
    assert len(job.containers()) == 1
    await job.stop()
    await job.status("STOPPED")
    await job.only_checkpoints_left()
    assert await job.interfaces() == set()
    assert docker("images", "--quiet", "--filter", "dangling=true", host=engine.url) == ""


async def _kill(engine: SecondEngine, chance: random.Random) -> None:
    await asyncio.sleep(chance.uniform(0, LONGEST_STEP))  # the point is what is random, so there is nothing to wait for
    await engine.end(signal.SIGKILL)
    await engine.start()


async def stable(job: Job) -> None:
    """RUNNING with an engine that says so, or ended."""

    async def there() -> bool:
        studio = await job.look()
        return studio["status"] in ("STOPPED", "ERRORED") or (studio["status"] == "RUNNING" and await answers(job))

    try:
        await eventually(there)
    except TimeoutError:
        raise AssertionError(f"never stable: {await job.look()}\n{job.server.log[-3000:]}") from None


async def answers(job: Job) -> bool:
    """The address of a session that is gone answers nothing at all."""
    try:
        async with asyncio.timeout(1):
            return await get(await job.upstream(), "a.txt") is not None
    except (aiohttp.ClientError, TimeoutError):
        return False
