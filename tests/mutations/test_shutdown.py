"""A whole server that stops while mutations run, in this process, so that the test sees what the server waits for."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from services.store import outbox
from services.store.db.database import Database
from services.store.reads import studios
from studiograph.roles import serve
from studiograph.settings import Role, Settings
from tests import factories
from tests.mutations.api import gid
from tests.waiting import eventually

STAR = "mutation star($id: ID!) { starStudio(input: { studioId: $id }) { __typename } }"


async def test_a_mutation_whose_client_left_is_finished_before_shutdown_closes_the_database(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    database = Database(sqlite_url)
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world)
    settings = Settings(database_url=sqlite_url, data_dir=tmp_path / "data", port=0, shutdown_seconds=60)
    server = asyncio.create_task(serve(settings, Role.ALL, demo=False))
    url = await eventually(lambda: announced(capsys))

    async with database.write() as other_writer, httpx.AsyncClient(trust_env=False, timeout=60) as client:
        await outbox.lock_stream(other_writer, world.workspace_id)
        body = {"query": STAR, "variables": {"id": gid("Studio", studio_id)}}
        request = asyncio.create_task(client.post(f"{url}/graphql", json=body, headers={"Authorization": f"Bearer {world.secret}"}))
        await eventually(lambda: running("command of starStudio"))
        request.cancel()
        with suppress(asyncio.CancelledError):
            await request
        os.kill(os.getpid(), signal.SIGTERM)
        await eventually(lambda: logged(caplog, "Waiting for unfinished mutations"))
        assert not server.done()
    await server

    async with database.read() as reader:
        assert (await studios.by_ids(reader, world.user_id, [studio_id]))[studio_id].is_starred
    await database.close()


async def announced(capsys: pytest.CaptureFixture[str]) -> str | None:
    """The address that the server printed, once it serves."""
    printed = capsys.readouterr().out
    return next((word for word in printed.split() if word.startswith("http://")), None)


async def running(task_name: str) -> bool:
    return any(task.get_name() == task_name for task in asyncio.all_tasks())


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text
