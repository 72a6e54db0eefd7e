"""What has served its time goes; what is still needed stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select, update

from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.domain.ids import new_id
from services.store import outbox, outputs, retention
from services.store.db.database import Database
from services.store.tables import core
from tests import factories

DAY = timedelta(days=1)
KEEP = timedelta(days=30)


async def _log(database: Database, stream_id: str, ages: list[timedelta]) -> None:
    """One event for each age, oldest first."""
    for age in ages:
        async with database.write() as transaction:
            transaction.now -= age
            event = NewEvent(Kind.STUDIO_DELETED, Actor.system("test"))
            transaction.locked.add(stream_id)  # its lock would bring back the true time
            await outbox.append(transaction, stream_id, [event])


async def _stream(database: Database, stream_id: str) -> tuple[int, int, list[int]]:
    """Horizon, head, and the seqs that are there."""
    async with database.read() as reader:
        row = (await reader.execute(select(core.stream.c.horizon, core.stream.c.head).where(core.stream.c.id == stream_id))).one()
        seqs = select(core.event.c.seq).where(core.event.c.stream_id == stream_id).order_by(core.event.c.seq)
        return row.horizon, row.head, list((await reader.execute(seqs)).scalars())


@pytest.mark.behaviour("B83")
async def test_old_events_go_and_the_horizon_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVENTS_PER_TRANSACTION", 2)
    old, young = await factories.create_workspace(database), await factories.create_workspace(database)
    await _log(database, old, [40 * DAY, 39 * DAY, 38 * DAY, 31 * DAY, 31 * DAY, 29 * DAY, DAY])
    await _log(database, young, [29 * DAY, DAY])
    await retention.trim(database, KEEP)
    assert await _stream(database, old) == (5, 7, [6, 7])
    assert await _stream(database, young) == (0, 2, [1, 2])
    await retention.trim(database, KEEP)
    assert await _stream(database, old) == (5, 7, [6, 7])


async def test_a_stream_may_be_trimmed_to_nothing_and_goes_on(database: Database) -> None:
    stream_id = await factories.create_workspace(database)
    await _log(database, stream_id, [40 * DAY, 39 * DAY])
    await retention.trim(database, KEEP)
    assert await _stream(database, stream_id) == (2, 2, [])
    await _log(database, stream_id, [DAY])
    assert await _stream(database, stream_id) == (2, 3, [3])


async def _count(database: Database, table: Table) -> int:
    async with database.read() as reader:
        count: int = (await reader.execute(select(func.count()).select_from(table))).scalar_one()
    return count


async def _add(database: Database, table: Table, **values: Any) -> None:
    async with database.write() as transaction:
        await transaction.execute(insert(table).values(**values))


async def test_answered_keys_are_kept_for_a_day(database: Database) -> None:
    now = datetime.now(UTC)
    for key, age in (("new", timedelta(hours=23)), ("old", timedelta(hours=25))):
        values = {"user_id": "u", "mutation": "startStudio", "key": key, "input_hash": "h", "result": {}}
        await _add(database, core.idempotency_key, **values, created_at=now - age)
    await retention.trim(database, KEEP)
    assert await _count(database, core.idempotency_key) == 1


async def test_codes_and_logins_go_when_they_expire(database: Database) -> None:
    world, now = await factories.create_world(database), datetime.now(UTC)
    token = {"token_id": world.viewer.token_id}
    for expires_at in (now - timedelta(minutes=1), now + timedelta(minutes=1)):
        code = {"hash": new_id(), "user_id": world.user_id, "studio_id": "s", "session_number": 1, "origin": "http://x", "path": "/"}
        await _add(database, core.connect_code, **code, **token, expires_at=expires_at)
        await _add(database, core.login, id=new_id(), hash=new_id(), **token, created_at=now, expires_at=expires_at)
    await retention.trim(database, KEEP)
    assert await _count(database, core.connect_code) == 1
    assert await _count(database, core.login) == 1


async def test_ended_connections_go_after_a_week_and_their_silent_proxy_with_them(database: Database) -> None:
    world, now = await factories.create_world(database), datetime.now(UTC)
    for proxy_id, ended_at in (("silent", now - 8 * DAY), ("needed", now - 6 * DAY), ("open", None)):
        await _add(database, core.proxy_instance, id=proxy_id, started_at=now - 9 * DAY, heartbeat_at=now - 8 * DAY)
        connection = {"id": new_id(), "proxy_id": proxy_id, "studio_id": "s", "session_number": 1, "user_id": world.user_id}
        await _add(database, core.connection, **connection, connected_at=now - 9 * DAY, last_active_at=now - 8 * DAY, ended_at=ended_at)
    await retention.trim(database, KEEP)
    async with database.read() as reader:
        left = (await reader.execute(select(core.proxy_instance.c.id).order_by(core.proxy_instance.c.id))).scalars().all()
    assert left == ["needed", "open"]
    assert await _count(database, core.connection) == 2


async def test_a_living_proxy_without_connections_stays(database: Database) -> None:
    now = datetime.now(UTC)
    await _add(database, core.proxy_instance, id="p", started_at=now - 9 * DAY, heartbeat_at=now - 8 * DAY)
    async with database.write() as transaction:
        await transaction.execute(update(core.proxy_instance).values(heartbeat_at=transaction.now))
    await retention.trim(database, KEEP)
    assert await _count(database, core.proxy_instance) == 1


@pytest.mark.behaviour("B84")
async def test_outputs_go_once_what_printed_them_has_long_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "OUTPUTS_PER_TRANSACTION", 1)
    world, now = await factories.create_world(database), datetime.now(UTC)
    studio_id = await factories.create_studio(database, world)
    ended = {1: now - 31 * DAY, 2: now - 29 * DAY, 3: None, 4: now - 40 * DAY}
    printers = {
        number: await factories.create_session(database, world, studio_id, number=number, ended_at=at) for number, at in ended.items()
    }
    printers[5] = new_id()  # of a Studio that is gone
    for output_id in printers.values():
        async with database.write() as transaction:
            transaction.now -= 41 * DAY
            await outputs.append(transaction, await outputs.find_or_add(transaction, output_id), b"printed", None)
    await retention.trim(database, KEEP)
    for table, column in ((core.output, core.output.c.id), (core.output_piece, core.output_piece.c.output_id)):
        async with database.read() as reader:
            left = set((await reader.execute(select(column).select_from(table))).scalars())
        assert left == {printers[2], printers[3]}


async def test_operations_go_with_the_events_but_the_last_of_a_studio_stays(database: Database) -> None:
    world, now = await factories.create_world(database), datetime.now(UTC)
    studio = await factories.create_studio(database, world)
    ages = {"last": 40 * DAY, "old": 40 * DAY, "young": DAY}
    for operation_id, age in ages.items():
        await factories.create_operation(database, world, studio, id=operation_id, state="SUCCEEDED", ended_at=now - age)
    await factories.create_operation(database, world, studio, id="running")
    async with database.write() as transaction:
        await transaction.execute(update(core.studio).values(operation_id="last"))
    await retention.trim(database, KEEP)
    async with database.read() as reader:
        left = (await reader.execute(select(core.operation.c.id).order_by(core.operation.c.id))).scalars().all()
    assert left == ["last", "running", "young"]


async def test_tokens_go_long_after_they_were_revoked_or_have_expired(database: Database) -> None:
    world, now = await factories.create_world(database), datetime.now(UTC)
    for age in (40 * DAY, DAY):
        await factories.create_token(database, world.user_id, revoked_at=now - age)
        await factories.create_token(database, world.user_id, expires_at=now - age)
    await retention.trim(database, KEEP)
    assert await _count(database, core.token) == 3
