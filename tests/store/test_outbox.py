"""The log of a stream: no gaps, its order is the order of commits, and time does not run backwards in it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, select, text

from services.domain.actor import Actor
from services.domain.events import INSTALLATION_STREAM, Kind, NewEvent
from services.domain.time_policy import TimePolicy
from services.store import outbox
from services.store.db.database import Database, Wake
from services.store.db.query import Query
from services.store.db.types import utc_time
from services.store.tables import core
from tests import factories

WRITERS = 50
ADA = Actor.user("u1", "ada")
HEAD = Query(select(core.stream.c.head).where(core.stream.c.id == bindparam("stream_id")))
LOG = Query(select(core.event.c.seq, core.event.c.at).where(core.event.c.stream_id == bindparam("stream_id")).order_by(core.event.c.seq))


def _event(number: int) -> NewEvent:
    return NewEvent(Kind.STUDIO_EDITED, ADA, {"revision": number}, studio_id="s1", studio_name="Analysis")


async def _append(database: Database, stream_id: str, count: int) -> int:
    async with database.write() as transaction:
        return await outbox.append(transaction, stream_id, [_event(number) for number in range(count)])


async def test_events_are_logged_as_they_were_given(database: Database) -> None:
    stream_id = await factories.create_workspace(database)
    heard: list[Wake] = []
    database.on_commit(heard.extend)
    assert await _append(database, stream_id, 2) == 2
    assert heard == [Wake("stream", stream_id, 2)]
    async with database.read() as reader:
        rows = (await reader.execute(select(core.event).order_by(core.event.c.seq))).all()
    assert [(row.seq, row.kind, row.payload, row.actor, row.studio_id, row.studio_name, row.user_id) for row in rows] == [
        (seq, "studio.edited", {"revision": seq - 1}, ADA.to_json(), "s1", "Analysis", None) for seq in (1, 2)
    ]


async def test_no_events_change_nothing(database: Database) -> None:
    stream_id = await factories.create_workspace(database)
    heard: list[Wake] = []
    database.on_commit(heard.extend)
    assert await _append(database, stream_id, 0) == 0
    assert heard == []


@pytest.mark.behaviour("B83")
async def test_at_every_moment_a_reader_sees_the_log_without_a_gap_up_to_the_head(database: Database, database_url: str) -> None:
    stream_id = await factories.create_workspace(database)
    other = Database(database_url)
    writers = asyncio.gather(*(_append((database, other)[number % 2], stream_id, 1 + number % 3) for number in range(WRITERS)))
    looks = 0
    while not writers.done() or not looks:
        async with database.read() as reader:
            head = await reader.one(HEAD, stream_id=stream_id)
            log = await reader.all(LOG, stream_id=stream_id)
        looks += 1
        assert head
        assert [row[0] for row in log] == list(range(1, head[0] + 1))
    heads = await writers
    async with database.read() as reader:
        log = await reader.all(LOG, stream_id=stream_id)
    assert max(heads) == len(log) == sum(1 + number % 3 for number in range(WRITERS))
    times = [utc_time(row[1]) for row in log]
    assert times == sorted(times, key=str)
    await other.close()


async def test_a_rolled_back_append_leaves_no_gap(database: Database) -> None:
    stream_id = await factories.create_workspace(database)
    await _append(database, stream_id, 1)

    async def append_and_fail() -> None:
        async with database.write() as transaction:
            await outbox.append(transaction, stream_id, [_event(0)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await append_and_fail()
    assert await _append(database, stream_id, 1) == 2


@pytest.mark.postgres
async def test_who_began_first_but_got_the_lock_later_has_the_later_time(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    stream_id = await factories.create_workspace(database)
    async with database.write() as early:
        began = early.now
        await _append(database, stream_id, 1)
        await outbox.append(early, stream_id, [_event(1)])
        assert early.now > began
    async with database.read() as reader:
        first, second = [row[1] for row in await reader.all(LOG, stream_id=stream_id)]
    assert first < second
    await database.close()


@pytest.mark.postgres
async def test_a_stream_is_locked_once_in_a_transaction_and_by_one_transaction_at_a_time(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    stream_id = await factories.create_workspace(database)
    async with database.write() as transaction:
        await outbox.lock_stream(transaction, stream_id)
        with database.count_statements() as counted:
            await outbox.lock_stream(transaction, stream_id)
        assert len(counted) == 0
        waiting = asyncio.create_task(_append(database, stream_id, 1))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
    assert await waiting == 1
    await database.close()


@pytest.mark.postgres
async def test_a_stream_that_another_process_holds_costs_one_connection(postgresql_url: str) -> None:
    """A process that was frozen in a transaction: neither other workspaces nor leases wait for it."""
    frozen, database = Database(postgresql_url), Database(postgresql_url, pool_size=2)
    held, other = await factories.create_workspace(frozen), await factories.create_workspace(frozen)
    async with outbox.stream_transaction(frozen, held):
        waiting = [asyncio.create_task(_append_alone(database, held)) for _ in range(60)]
        await asyncio.wait(waiting, timeout=0.2)
        async with asyncio.timeout(5):
            await _append_alone(database, other)
            async with database.write(reserved=True) as transaction:
                await transaction.execute(text("SELECT 1"))
        assert not any(task.done() for task in waiting)
    assert sorted(await asyncio.gather(*waiting)) == list(range(1, 61))
    await frozen.close()
    await database.close()


@pytest.mark.postgres
async def test_a_transaction_that_does_nothing_is_ended_before_a_lease_is(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    async with database.read() as reader:
        limit = (await reader.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar_one()
    assert timedelta(seconds=int(limit.removesuffix("s"))) < TimePolicy().lease_duration
    await database.close()


async def test_streams_are_locked_in_one_order_by_everybody(database: Database) -> None:
    first, second = sorted([await factories.create_workspace(database), await factories.create_workspace(database)])
    async with database.write() as transaction:
        for stream_id in (first, second, INSTALLATION_STREAM):
            await outbox.lock_stream(transaction, stream_id)
    for earlier, later in ((second, first), (INSTALLATION_STREAM, first)):
        async with database.write() as transaction:
            await outbox.lock_stream(transaction, earlier)
            with pytest.raises(RuntimeError, match="must be locked before"):
                await outbox.lock_stream(transaction, later)


async def _append_alone(database: Database, stream_id: str) -> int:
    async with outbox.stream_transaction(database, stream_id) as transaction:
        return await outbox.append(transaction, stream_id, [_event(1)])


async def test_locking_a_stream_that_does_not_exist_is_nothing(database: Database) -> None:
    async with database.write() as transaction:
        await outbox.lock_stream(transaction, "nowhere")
