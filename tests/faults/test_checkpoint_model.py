"""Random commands on Studios and checkpoints, with the server killed at random: each holds exactly what a simple model says."""

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from services.store.db.database import Database
from services.store.tables import core
from tests.docker.migrations import add_release
from tests.docker.server import docker_job
from tests.docker.tiny_image import tiny_image
from tests.faults.checkpoint_model import CheckpointModel
from tests.server import Server, processes_in, running
from tests.soak import rounds
from tests.waiting import eventually

STEPS = {"process": 40, "docker": 20}
INTERVAL_SECONDS = "2"
ENGINE_ID_FILE = ".engine-id"
CLEANUP_SECONDS = 90.0


def model(server: Server, database: Database, *, migrates: bool = False) -> CheckpointModel:
    seed = os.environ.get("STUDIOGRAPH_SEED") or str(random.randrange(1 << 32))
    print(f"STUDIOGRAPH_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    return CheckpointModel(server, database, random.Random(seed), migrates=migrates)


async def run_steps(made: CheckpointModel, count: int) -> None:
    for _ in range(count):
        await made.step()
    await made.finish()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.behaviour("B10", "B22", "B31", "B32", "B34", "B35", "B38", "B40", "B41", "B44")
async def test_process_sessions_hold_what_the_model_says(tmp_path: Path, sqlite_url: str) -> None:
    for number in range(rounds(1)):
        directory = tmp_path / str(number)
        directory.mkdir()
        url = sqlite_url if number == 0 else f"sqlite+aiosqlite:///{directory}/studiograph.db"
        async with running(directory, url, checkpoint_interval_seconds=INTERVAL_SECONDS) as server, opened(url) as database:
            await run_steps(model(server, database), STEPS["process"])
            data = directory / "data"

            async def is_clean(data: Path = data) -> bool:
                left = {path.name for path in (data / "checkpoints").iterdir()} - {ENGINE_ID_FILE}
                return not left and not processes_in(data / "sessions")

            await eventually(is_clean, CLEANUP_SECONDS, 0.2)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.behaviour("B10", "B22", "B31", "B32", "B34", "B35", "B38", "B40", "B41", "B44", "B74")
async def test_containers_hold_what_the_model_says(tmp_path: Path, sqlite_url: str) -> None:
    async with docker_job(tmp_path, sqlite_url, checkpoint_interval_seconds=INTERVAL_SECONDS) as job:
        await add_release(job, tiny_image(job.url))
        await run_steps(model(job.server, job.database, migrates=True), STEPS["docker"] * rounds(1))
        await job.only_checkpoints_left()
        async with job.database.read() as reader:
            left = (await reader.execute(select(core.checkpoint.c.name).where(core.checkpoint.c.deleted_at.is_(None)))).all()
        assert left == []
