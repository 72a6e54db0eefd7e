"""After a backup was restored, or another server took over, a subscriber is told to read again instead of missing events (B83)."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from services.domain.events import Cursor, Kind
from services.live.log_history import LogHistory, mark_restored
from services.live.stream_items import Resync, ResyncReason, StreamSettings
from services.store import log, migrate
from services.store.db.database import Database
from tests import factories, postgres
from tests.live.conftest import append, running, take
from tests.postgres import Cluster
from tests.waiting import eventually, soon

pytestmark = pytest.mark.behaviour("B83")
BOOT, NEXT_BOOT = "boot-1", "boot-2"


@asynccontextmanager
async def server(url: str, witness: Path, boot: str = BOOT) -> AsyncIterator[Database]:
    """One run of a server, as far as the log's history is concerned."""
    database = Database(url)
    history = LogHistory(database, witness, boot_id=boot)
    try:
        await history.open()
        yield database
    finally:
        await history.close()
        await database.close()


@asynccontextmanager
async def killed_server(url: str, witness: Path) -> AsyncIterator[Database]:
    """A run that ends without a word."""
    database = Database(url)
    try:
        await LogHistory(database, witness, boot_id=BOOT).open()
        yield database
    finally:
        await database.close()


async def cursor_of(database: Database, stream_id: str) -> Cursor:
    async with database.read() as reader:
        return (await log.state(reader, stream_id)).cursor


async def workspace(url: str) -> str:
    database = Database(url)
    world = await factories.create_world(database)
    await database.close()
    return world.workspace_id


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "log_origin"


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


async def test_a_restored_file_is_noticed_and_the_subscriber_reads_again(sqlite_url: str, path: Path, witness: Path) -> None:
    stream = await workspace(sqlite_url)
    async with server(sqlite_url, witness) as database:
        await append(database, stream, Kind.STUDIO_MESSAGE)
    shutil.copyfile(path, path.with_suffix(".backup"))
    async with server(sqlite_url, witness) as database:
        await append(database, stream, Kind.STUDIO_MESSAGE, Kind.STUDIO_MESSAGE)
        client = await cursor_of(database, stream)
    shutil.copyfile(path.with_suffix(".backup"), path)
    async with server(sqlite_url, witness) as database, running(database) as live:
        await append(database, stream, Kind.STUDIO_MESSAGE, Kind.STUDIO_MESSAGE, Kind.STUDIO_MESSAGE)
        async with live.broker.subscribe(stream, after=client) as subscription:
            [first] = await take(subscription, 1)
    assert isinstance(first, Resync)
    assert first.reason is ResyncReason.UNKNOWN_CURSOR


async def test_a_backup_of_the_same_run_is_noticed_after_an_orderly_end(sqlite_url: str, path: Path, witness: Path) -> None:
    stream = await workspace(sqlite_url)
    async with server(sqlite_url, witness) as database:
        before = await cursor_of(database, stream)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(f"{path}.backup")) as backup:
            source.backup(backup)
        await append(database, stream, Kind.STUDIO_MESSAGE)
    shutil.copyfile(f"{path}.backup", path)
    async with server(sqlite_url, witness) as database:
        assert (await cursor_of(database, stream)).epoch != before.epoch


async def test_an_orderly_restart_keeps_the_epoch_whatever_the_machine_did(sqlite_url: str, witness: Path) -> None:
    stream = await workspace(sqlite_url)
    async with server(sqlite_url, witness) as database:
        await append(database, stream, Kind.STUDIO_MESSAGE)
        before = await cursor_of(database, stream)
    async with server(sqlite_url, witness, NEXT_BOOT) as database:
        assert await cursor_of(database, stream) == before


async def test_a_killed_process_loses_nothing_and_keeps_the_epoch(sqlite_url: str, witness: Path) -> None:
    stream = await workspace(sqlite_url)
    async with killed_server(sqlite_url, witness) as database:
        await append(database, stream, Kind.STUDIO_MESSAGE)
        before = await cursor_of(database, stream)
    async with server(sqlite_url, witness) as database:
        assert await cursor_of(database, stream) == before


async def test_a_machine_that_ended_while_the_file_was_open_gives_a_new_epoch(sqlite_url: str, witness: Path) -> None:
    stream = await workspace(sqlite_url)
    async with killed_server(sqlite_url, witness) as database:
        before = await cursor_of(database, stream)
    async with server(sqlite_url, witness, NEXT_BOOT) as database:
        assert (await cursor_of(database, stream)).epoch != before.epoch


async def test_the_command_tells_running_subscribers_to_read_again(database: Database) -> None:
    stream = (await factories.create_world(database)).workspace_id
    async with running(database, StreamSettings(poll_seconds=0.05)) as live, live.broker.subscribe(stream) as subscription:
        await append(database, stream, Kind.STUDIO_MESSAGE)
        await take(subscription, 1)
        elsewhere = Database(database.url.render_as_string(hide_password=False))
        await mark_restored(elsewhere)
        await elsewhere.close()
        assert isinstance(await soon(anext(subscription)), Resync)


async def test_a_running_feed_notices_a_head_that_fell_back(sqlite_url: str) -> None:
    stream = await workspace(sqlite_url)
    database = Database(sqlite_url)
    async with running(database, StreamSettings(poll_seconds=0.05)) as live, live.broker.subscribe(stream) as subscription:
        await append(database, stream, Kind.STUDIO_MESSAGE, Kind.STUDIO_MESSAGE)
        await take(subscription, 2)
        async with database.write() as transaction:
            driver = await transaction.driver()
            await driver.execute("DELETE FROM event")
            await driver.execute("UPDATE stream SET head = 0")
        assert isinstance(await soon(anext(subscription)), Resync)
    await database.close()


@pytest.mark.postgres
async def test_a_copied_database_gets_new_epochs_and_the_original_keeps_its_own(postgres_cluster: Cluster, witness: Path) -> None:
    await postgres_cluster.create("origin")
    url, copy_url = postgres_cluster.url("origin"), postgres_cluster.url("origin_copy")
    await migrate.upgrade(url)
    stream = await workspace(url)
    async with server(url, witness) as database:
        before = await cursor_of(database, stream)
    async with server(url, witness) as database:
        assert await cursor_of(database, stream) == before
    await postgres_cluster.run("CREATE DATABASE origin_copy TEMPLATE origin")
    async with server(copy_url, witness) as database:
        assert (await cursor_of(database, stream)).epoch != before.epoch
    for name in ("origin", "origin_copy"):
        await postgres_cluster.drop(name)


@pytest.mark.postgres
async def test_a_promoted_standby_gives_new_epochs_to_servers_that_run_on(witness: Path) -> None:
    with postgres.cluster_directory() as directory:
        with postgres.server(directory) as cluster:
            await cluster.create("studiograph")
            url = cluster.url("studiograph")
            await migrate.upgrade(url)
            stream = await workspace(url)
            async with server(url, witness) as database:
                before = await cursor_of(database, stream)
            await cluster.run("CHECKPOINT")  # the cluster of tests commits lazily, and is killed
        postgres.make_standby(directory)
        with postgres.server(directory) as cluster:
            await cluster.run("SELECT pg_promote()")
            database = Database(url)
            history = LogHistory(database, witness, boot_id=BOOT)
            async with running(database) as live:
                history.watch(live.wakeups)
                await eventually(lambda: _has_another_epoch(database, before))
                await history.close()
            await database.close()


async def _has_another_epoch(database: Database, cursor: Cursor) -> bool:
    return (await cursor_of(database, cursor.stream_id)).epoch != cursor.epoch
