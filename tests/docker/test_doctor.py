"""Doctor on a machine with an engine: says what it finds, and removes sessions that no row knows only when asked."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from services.store.tables import core
from tests.docker.server import docker_job
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.docker


async def doctor(directory: Path, url: str, *words: str) -> str:
    environment = {**os.environ, "STUDIOGRAPH_DATA_DIR": str(directory), "STUDIOGRAPH_DATABASE_URL": url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "studiograph", "doctor", *words, env=environment, stdout=asyncio.subprocess.PIPE
    )
    return (await process.communicate())[0].decode()


async def test_unknown_sessions_are_reported_and_removed_when_asked(tmp_path: Path, sqlite_url: str) -> None:
    async with docker_job(tmp_path, sqlite_url) as job:
        await job.start()
        await job.status("RUNNING")
        [name] = job.containers()
        assert "1 in Here, all of them known" in await doctor(tmp_path / "data", sqlite_url)
        await job.server.stop()
        async with job.database.write() as transaction:
            await transaction.execute(update(core.studio).values(session_number=0))
        assert f"without a Studio, in Here: {name}" in await doctor(tmp_path / "data", sqlite_url)
        assert job.containers() == [name]
        assert f"removed {name}" in await doctor(tmp_path / "data", sqlite_url, "--prune")
        assert job.containers() == job.networks() == []


async def test_the_engine_is_named(tmp_path: Path, sqlite_url: str) -> None:
    output = await doctor(tmp_path / "data", sqlite_url)
    assert f"Docker Engine {docker('version', '-f', '{{.Server.Version}}')}." in output
    assert "Sessions are reached at" in output
