"""Builds whose engine or server dies under them: the Studio runs in the end.

A killed engine keeps the container of the step that it was at, for good, and names it nowhere: what is unlabelled is not ours to remove.
"""

import asyncio
import random
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from services.store.tables import core
from tests.docker.recipe_jobs import ended, log, logged, recipe_job, write
from tests.docker.second_engine import SecondEngine, second_engine
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker, tiny_image
from tests.soak import rounds
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.behaviour("B8", "B84")]
PROGRESS = "query($id: ID!) { studio(id: $id) { progress { message } } }"
SEED = 5
LONGEST_STEP = 2.0


async def test_a_build_may_print_anything(tmp_path: Path, sqlite_url: str) -> None:
    """No line ends, no text, no bound: as a program prints that draws its progress."""
    garbage = "import os; os.write(1, b'\\\\xff\\\\x00\\\\r' * 700000); os.write(1, b'the-end')"
    python = docker("image", "inspect", "-f", "{{index .Config.Cmd 0}}", tiny_image())
    async with recipe_job(tmp_path, sqlite_url, f'RUN {python} -I -c "{garbage}"') as job:
        await job.start()
        await ended(job, "RUNNING")
        assert "the-end" in await log(job)


async def test_a_recipe_that_declares_volumes_is_told_by_its_build(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url, "VOLUME /data") as job:
        await job.start()
        failed = await ended(job, "BUILD_FAILED")
        assert "declares VOLUME /data" in failed["statusMessage"]


@pytest.mark.slow
async def test_a_server_killed_at_random_points_builds_once(tmp_path: Path, sqlite_url: str) -> None:
    chance, word = random.Random(SEED), f"step-{uuid4().hex[:8]}"
    steps = [f"RUN echo {word} {number}; sleep 1" for number in range(4)]
    async with recipe_job(tmp_path, sqlite_url, *steps) as job:
        await job.start()
        for _ in range(rounds(4)):
            await asyncio.sleep(chance.uniform(0, LONGEST_STEP))  # the point is what is random, so there is nothing to wait for
            assert len(at_work(word)) <= 1
            await job.server.kill9()
            await job.server.start()
        await ended(job, "RUNNING")
        await eventually(lambda: nothing_at_work(word))
        assert await builds(job) == 1


def at_work(word: str, url: str | None = None) -> list[str]:
    """Containers of the builder for such a step, whatever their state."""
    listed = docker("ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.State}} {{.Command}}", host=url).splitlines()
    return [line for line in listed if word in line]


async def nothing_at_work(word: str, url: str | None = None) -> bool:
    return not at_work(word, url)


async def builds(job: Job) -> int:
    async with job.database.read() as reader:
        return int((await reader.execute(select(func.count()).select_from(core.build))).scalar_one())


@pytest.fixture
async def engine() -> AsyncIterator[SecondEngine]:
    """Under a short path: its sockets' paths may have 108 characters."""
    async with second_engine(Path(tempfile.mkdtemp(prefix="sgt-")), live_restore=False) as made:
        yield made


@pytest.fixture
async def building(engine: SecondEngine, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    """A Studio whose image is built right now."""
    write(tmp_path, f"FROM {tiny_image(engine.url)}", "RUN echo first-step", "RUN echo it-sleeps; sleep 12")
    async with docker_job(tmp_path, sqlite_url, engine.url, images_dir=str(tmp_path / "images")) as job:
        async with job.database.write() as transaction:
            await transaction.execute(update(core.template).values(image="studiograph-test/mortal:1", recipe="tool"))
        await job.start()
        await logged(job, "it-sleeps")
        yield job
        if engine.process and engine.process.returncode is not None:
            await engine.start()


async def waiting(job: Job) -> None:
    """Wait until people are told that the engine does not answer."""

    async def is_reported() -> bool:
        steps = (await job.server.graphql(PROGRESS, {"id": job.studio}))["studio"]["progress"]
        return any("does not answer" in (step["message"] or "") for step in steps)

    await eventually(is_reported)


@pytest.mark.dockerd
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_an_engine_that_dies_in_the_middle_builds_on_when_it_is_back(
    engine: SecondEngine, building: Job, how: signal.Signals
) -> None:
    """One that is asked to end ends the containers of its builds first: such a step has not failed by itself."""
    await engine.end(how)
    await waiting(building)
    assert (await building.look())["status"] == "BUILDING"
    await engine.start()
    await ended(building, "RUNNING")
    assert await builds(building) == 1
    assert docker("images", "--quiet", "--filter", "dangling=true", host=engine.url) == ""
    assert all(" running " not in line for line in at_work("it-sleeps", engine.url))


@pytest.mark.dockerd
@pytest.mark.slow
async def test_an_engine_that_hangs_in_the_middle_is_waited_for(engine: SecondEngine, building: Job) -> None:
    engine.freeze()
    try:
        await building.server.kill9()
        await building.server.start()
        await waiting(building)
        assert (await building.look())["status"] == "BUILDING"
    finally:
        engine.resume()
    await ended(building, "RUNNING")
    assert at_work("it-sleeps", engine.url) == []
