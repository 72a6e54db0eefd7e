"""Transactions and consistent reads on both databases: with many writers, with cancelled ones, and when the database is gone."""

import asyncio
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from services.store.db import engine
from services.store.db.database import Database, DatabaseUnavailable, Wake
from services.store.db.query import Query
from services.store.tables import core
from tests import factories
from tests.waiting import WAIT_LIMIT_S

VERSION = Query(select(core.organization.c.version).where(core.organization.c.id == bindparam("id")))
NOW = Query(select(func.now()))


async def _version(database: Database, organization_id: str) -> int:
    async with database.read() as reader:
        row = await reader.one(VERSION, id=organization_id)
    assert row
    return int(row[0])


async def _raise_version(database: Database, organization_id: str) -> None:
    """Reads, then writes what it read plus one: two that interleave would lose one."""
    table = core.organization
    async with database.write() as transaction:
        await transaction.execute(select(table.c.id).where(table.c.id == organization_id).with_for_update())
        row = await transaction.one(VERSION, id=organization_id)
        assert row
        await transaction.execute(update(table).where(table.c.id == organization_id).values(version=row[0] + 1))


async def test_two_processes_that_read_and_then_write_both_succeed(database: Database, database_url: str) -> None:
    organization_id = await factories.create_organization(database)
    other = Database(database_url)
    await asyncio.gather(*(_raise_version(each, organization_id) for each in (database, other) * 5))
    assert await _version(database, organization_id) == 11
    await other.close()


async def test_on_sqlite_a_deferred_read_that_turns_into_a_write_fails_at_once(sqlite_database: Database) -> None:
    """Why `write` begins with BEGIN IMMEDIATE: the busy timeout does not help here."""
    organization_id = await factories.create_organization(sqlite_database)
    change = update(core.organization).where(core.organization.c.id == organization_id).values(version=2)
    async with sqlite_database.engine.connect() as late, late.begin():
        await late.execute(select(core.organization.c.version))
        async with sqlite_database.write() as transaction:
            await transaction.execute(change)
        with pytest.raises(OperationalError, match="database is locked"):
            await late.execute(change)


async def test_on_sqlite_a_write_holds_the_lock_from_its_first_moment(sqlite_database: Database, sqlite_url: str) -> None:
    other = Database(sqlite_url)
    async with sqlite_database.write(), other.engine.connect() as connection:
        await connection.execute(text("PRAGMA busy_timeout=0"))
        await connection.rollback()
        eager = await connection.execution_options(begin="IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            await eager.begin()
    await other.close()


async def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    heard: list[Wake] = []
    database.on_commit(heard.extend)
    with pytest.raises(IntegrityError):
        await _insert_twice(database)
    async with database.read() as reader:
        assert (await reader.execute(select(func.count()).select_from(core.installation))).scalar_one() == 0
    assert heard == []


async def _insert_twice(database: Database) -> None:
    async with database.write() as transaction:
        transaction.wake("stream", "w1", 1)
        for _ in range(2):
            await transaction.execute(insert(core.installation).values(id="same", created_at=transaction.now))


@pytest.mark.parametrize("raw", [True, False], ids=["raw-driver", "core"])
async def test_a_read_sees_one_moment_whatever_is_committed_meanwhile(database: Database, raw: bool) -> None:
    organization_id = await factories.create_organization(database)
    async with database.read() as reader:

        async def version() -> int:
            if raw:
                return int((await reader.all(VERSION, id=organization_id))[0][0])
            return int((await reader.execute(VERSION.select, {"id": organization_id})).scalar_one())

        assert await version() == 1
        await _raise_version(database, organization_id)
        assert await version() == 1
    assert await _version(database, organization_id) == 2


async def test_a_write_sees_its_own_changes_by_the_raw_driver(database: Database) -> None:
    organization_id = await factories.create_organization(database)
    async with database.write() as transaction:
        await transaction.execute(update(core.organization).values(version=7))
        row = await transaction.one(VERSION, id=organization_id)
    assert row
    assert row[0] == 7


@pytest.mark.postgres
async def test_on_postgresql_a_reader_cannot_write(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    async with database.read() as reader:
        with pytest.raises(Exception, match="read-only transaction"):
            await reader.execute(update(core.organization).values(version=2))
    await database.close()


async def test_the_wakes_of_a_commit_come_once_each_and_in_order(database: Database) -> None:
    heard: list[Wake] = []
    stop = database.on_commit(heard.extend)
    for key in ("w1", "w2"):
        async with database.write() as transaction:
            transaction.wake("stream", key, 1)
            transaction.wake("studio", "s")
            transaction.wake("stream", key, 1)
            assert not [wake for wake in heard if wake.key == key]
        if key == "w1":
            stop()
    assert heard == [Wake("stream", "w1", 1), Wake("studio", "s")]


async def test_statements_are_counted_by_either_way_and_transactions_beside_them(database: Database) -> None:
    organization_id = await factories.create_organization(database)
    with database.count_statements() as counted:
        await _version(database, organization_id)
        async with database.write() as transaction:
            await transaction.execute(update(core.organization).values(version=2))
            transaction.wake("stream", "w1", 1)
    await _version(database, organization_id)
    assert [statement.split()[0] for statement in counted.statements] == ["SELECT", "UPDATE"]
    assert len(counted) == 2
    assert counted.begins == 2


async def test_cancelling_at_any_moment_leaves_whole_transactions_and_clean_connections(database: Database) -> None:
    organization_id = await factories.create_organization(database)
    committed = 0

    def count(_wakes: list[Wake]) -> None:
        nonlocal committed
        committed += 1

    database.on_commit(count)

    async def work() -> None:
        async with database.write() as transaction:
            row = await transaction.one(VERSION, id=organization_id)
            assert row
            await transaction.execute(update(core.organization).values(version=row[0] + 1))
            transaction.wake("stream", "w1", 1)
        await _version(database, organization_id)

    for moment in range(80):
        task = asyncio.create_task(work())
        await asyncio.wait([task], timeout=moment / 5_000)
        task.cancel()
        await asyncio.wait([task], timeout=WAIT_LIMIT_S)
        assert task.done()
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert await _version(database, organization_id) == 1 + committed
    await work()
    assert await _version(database, organization_id) == 1 + committed


async def test_on_sqlite_writers_wait_for_each_other_but_not_for_ever(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_SECONDS", 0.05)
    async with sqlite_database.write():
        with pytest.raises(DatabaseUnavailable, match="Another write takes too long"):
            await _raise_version(sqlite_database, "any")
    await _raise_version(sqlite_database, await factories.create_organization(sqlite_database))


async def test_a_timeout_inside_a_write_is_the_writers_own(database: Database) -> None:
    async def write_slowly() -> None:
        async with database.write():
            raise TimeoutError("the tool does not answer")

    with pytest.raises(TimeoutError, match="the tool does not answer"):
        await write_slowly()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://nobody@/none?host=/nowhere/at/all"])
async def test_a_database_that_cannot_be_reached_says_so(url: str) -> None:
    database = Database(url)
    for access in (database.read(), database.write()):
        with pytest.raises(DatabaseUnavailable, match="The database is not available: "):
            await access.__aenter__()
    await database.close()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, " * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseUnavailable, match="file is not a database"):
        await database.read().__aenter__()
    await database.close()


@pytest.mark.postgres
async def test_a_connection_lost_in_the_middle_is_told_and_the_next_one_is_new(postgresql_url: str) -> None:
    database, other = Database(postgresql_url), Database(postgresql_url)
    organization_id = await factories.create_organization(database)
    for lose in (_lose_while_reading, _lose_while_writing):
        with pytest.raises(DatabaseUnavailable):
            await lose(database, other)
        assert await _version(database, organization_id) == 1
    await database.close()
    await other.close()


async def _lose_while_reading(database: Database, other: Database) -> None:
    async with database.read() as reader:
        await _end_others(other)
        await reader.all(NOW)


async def _lose_while_writing(database: Database, other: Database) -> None:
    async with database.write() as transaction:
        await transaction.execute(update(core.organization).values(version=2))
        await _end_others(other)


@pytest.mark.postgres
async def test_a_connection_lost_while_nobody_used_it_is_replaced_unseen(postgresql_url: str) -> None:
    database, other, closed = Database(postgresql_url), Database(postgresql_url), asyncio.Event()
    organization_id = await factories.create_organization(database)
    async with database.read() as reader:
        (await reader.driver()).add_termination_listener(lambda _: closed.set())
    await _end_others(other)
    async with asyncio.timeout(WAIT_LIMIT_S):
        await closed.wait()
    assert await _version(database, organization_id) == 1
    await database.close()
    await other.close()


async def _end_others(database: Database) -> None:
    async with database.engine.connect() as connection:
        others = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.execute(text(others))


async def test_a_closed_sqlite_connection_holds_no_lock_whatever_still_refers_to_its_cursors(sqlite_database: Database) -> None:
    connection = await engine.open_sqlite(str(sqlite_database.url.database))
    await connection.execute_fetchall("BEGIN IMMEDIATE")
    cursor = await connection.execute("SELECT 1 UNION SELECT 2")
    await connection.close()
    async with asyncio.timeout(engine.BUSY_TIMEOUT_SECONDS - 1), sqlite_database.write() as transaction:
        assert transaction.now
    assert cursor is not None


@pytest.mark.postgres
async def test_two_that_wait_for_each_other_are_parted_and_one_is_told(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    ids = [await factories.create_organization(database) for _ in range(2)]
    together = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with database.write() as transaction:
            await transaction.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            for organization_id in (first, second):
                await transaction.execute(update(core.organization).where(core.organization.c.id == organization_id).values(version=2))
                if organization_id == first:
                    await together.wait()

    outcomes = await asyncio.gather(lock(ids[0], ids[1]), lock(ids[1], ids[0]), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DatabaseUnavailable", "NoneType"]
    await database.close()


@pytest.mark.postgres
async def test_a_mistake_of_ours_is_not_called_the_databases(postgresql_url: str) -> None:
    database = Database(postgresql_url)

    async def forget_a_parameter() -> None:
        async with database.read() as reader:
            await (await reader.driver()).fetch("SELECT $1::text")

    with pytest.raises(Exception, match="expects 1 argument") as raised:
        await forget_a_parameter()
    assert not isinstance(raised.value, DatabaseUnavailable)
    await database.close()


async def test_no_other_user_can_read_the_database_of_sqlite(tmp_path: Path) -> None:
    """Neither a new one nor one that was made with a wider mode, nor its log."""
    path = tmp_path / "open.db"
    path.touch(0o644)
    for file in (path, tmp_path / "new.db"):
        database = Database(f"sqlite:///{file}")
        async with database.write() as transaction:
            await transaction.execute(text("CREATE TABLE a (b INTEGER)"))
        modes = {stat.S_IMODE(each.stat().st_mode) for each in (file, Path(f"{file}-wal"), Path(f"{file}-shm"))}
        assert modes == {0o600}
        await database.close()


LOOK = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT version FROM organisation').fetchone()[0]); c.close()"
)


async def test_a_second_connection_keeps_the_locks_of_the_first_from_other_processes(sqlite_database: Database) -> None:
    """A process that closes the last connection with a lock deletes SQLite's log, and with it what the others write from then on."""
    path = str(sqlite_database.url.database)
    organization_id = await factories.create_organization(sqlite_database)
    await (await engine.open_sqlite(path)).close()
    for version in ("1", "2"):
        looking = await asyncio.create_subprocess_exec(sys.executable, "-c", LOOK, path, stdout=asyncio.subprocess.PIPE)
        seen, _ = await looking.communicate()
        assert seen.decode().strip() == version
        await _raise_version(sqlite_database, organization_id)
