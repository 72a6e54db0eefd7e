"""The event log's writing side: seq is taken under the stream row's lock, so there are no gaps and commit order is seq order."""

import secrets
from collections.abc import Sequence

from sqlalchemy import bindparam, func, insert, select, update

from services.domain.events import NewEvent
from services.store.db.database import Transaction
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
"""The clock is read for the row that the CTE gives, hence after the wait for its lock."""


async def create_stream(transaction: Transaction, stream_id: str) -> None:
    """Begin the log of a new workspace, organization or installation."""
    await transaction.execute(insert(core.stream).values(id=stream_id, epoch=secrets.token_hex(6), head=0, horizon=0))


async def lock_stream(transaction: Transaction, stream_id: str) -> None:
    """Take the stream's lock: first of all locks in a transaction. `transaction.now` moves on to the moment it is held.

    On SQLite the transaction itself is the lock. A stream that does not exist has none.
    """
    if stream_id in transaction.locked or transaction.connection.dialect.name == "sqlite":
        return
    moment = (await transaction.execute(LOCK, {"stream_id": stream_id})).scalar_one_or_none()
    transaction.locked.add(stream_id)
    if moment is not None:
        transaction.now = max(transaction.now, utc_time(moment))


async def append(transaction: Transaction, stream_id: str, events: Sequence[NewEvent]) -> int:
    """Log `events` in order; returns the stream's new head. Takes the stream's lock if it is not held yet."""
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
