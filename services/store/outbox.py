"""Appends events to the log. `seq` is assigned under the lock of the stream's row: there are no gaps, and commits have the order of seq."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import bindparam, func, insert, select, update

from services.domain.events import INSTALLATION_STREAM, NewEvent
from services.store import idempotency
from services.store.db.database import Database, Transaction
from services.store.db.types import utc_time
from services.store.tables import core

_locked = (
    select(core.stream.c.id)
    .where(core.stream.c.id == bindparam("stream_id"))
    .with_for_update(key_share=True)
    .cte("locked")
    .prefix_with("MATERIALIZED")
)
LOCK = select(func.clock_timestamp()).select_from(_locked)
"""Locks a stream and returns the clock's time, which is read after the wait for the lock, since it is read for the row of the CTE."""


async def create_stream(transaction: Transaction, stream_id: str) -> None:
    """Adds the stream of a new workspace, organization or installation."""
    await transaction.execute(insert(core.stream).values(id=stream_id, epoch=secrets.token_hex(6), head=0, horizon=0))


@asynccontextmanager
async def stream_transaction(
    database: Database, stream_id: str, *, key: idempotency.ScopedKey | None = None, durable: bool = True
) -> AsyncIterator[Transaction]:
    """A transaction that holds the stream's lock from its beginning, and before it that of the idempotency key, if there is one.

    Writers of one process wait for each other before they take a connection: a stream whose lock another process holds for long
    (it is frozen) costs this process one connection, and not all of them.
    """
    async with database.queue(stream_id), database.write(durable=durable) as transaction:
        if key is not None:
            await idempotency.lock(transaction, key)
        await lock_stream(transaction, stream_id)
        yield transaction


async def lock_stream(transaction: Transaction, stream_id: str) -> None:
    """Takes the stream's lock, which is the first lock of a transaction. `transaction.now` becomes the time from which it is held.

    Of several streams, the installation's comes last, and the others in the order of their ids: all writers lock in one order. Raises
    RuntimeError otherwise. On SQLite the transaction itself is the lock. A stream that does not exist has none.
    """
    if stream_id in transaction.locked:
        return
    if any(_position(stream_id) < _position(other) for other in transaction.locked):
        raise RuntimeError(f"stream {stream_id} must be locked before {sorted(transaction.locked)}")
    transaction.locked.add(stream_id)
    if transaction.connection.dialect.name == "sqlite":
        return
    moment = (await transaction.execute(LOCK, {"stream_id": stream_id})).scalar_one_or_none()
    if moment is not None:
        transaction.now = max(transaction.now, utc_time(moment))


def _position(stream_id: str) -> tuple[bool, str]:
    return (stream_id == INSTALLATION_STREAM, stream_id)


async def append(transaction: Transaction, stream_id: str, events: Sequence[NewEvent]) -> int:
    """Appends `events` in order, and returns the stream's new head. Takes the stream's lock if it is not held yet."""
    await lock_stream(transaction, stream_id)
    stream = core.stream.c
    statement = update(core.stream).where(stream.id == stream_id).values(head=stream.head + len(events)).returning(stream.head)
    head: int = (await transaction.execute(statement)).scalar_one()
    if not events:
        return head
    first = head - len(events) + 1
    await transaction.execute(
        insert(core.event),
        [
            {
                "stream_id": stream_id,
                "seq": first + index,
                "at": transaction.now,
                "kind": event.kind.value,
                "studio_id": event.studio_id,
                "studio_name": event.studio_name,
                "user_id": event.user_id,
                "actor": event.actor.to_json(),
                "payload": event.payload,
            }
            for index, event in enumerate(events)
        ],
    )
    transaction.wake("stream", stream_id, head)
    return head
