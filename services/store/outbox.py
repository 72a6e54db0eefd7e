"""The event log's writing side: seq is taken under the stream row's lock, so there are no gaps and commit order is seq order."""

import secrets
from collections.abc import Sequence

from sqlalchemy import insert, select, update

from services.events import NewEvent
from services.store import core
from services.store.database import Transaction


async def create_stream(transaction: Transaction, stream_id: str) -> None:
    """Begin the log of a new workspace, organisation or installation."""
    await transaction.execute(insert(core.stream).values(id=stream_id, epoch=secrets.token_hex(6), head=0, horizon=0))


async def lock_stream(transaction: Transaction, stream_id: str) -> None:
    """Take the stream's lock: first of all locks in a transaction (PostgreSQL; on SQLite the whole transaction holds it)."""
    await transaction.execute(select(core.stream.c.id).where(core.stream.c.id == stream_id).with_for_update(key_share=True))


async def append(transaction: Transaction, stream_id: str, events: Sequence[NewEvent]) -> int:
    """Log `events` in order; returns the stream's new head. Takes the stream's lock if it is not held yet."""
    stream = core.stream.c
    statement = update(core.stream).where(stream.id == stream_id).values(head=stream.head + len(events)).returning(stream.head)
    head: int = (await transaction.execute(statement)).scalar_one()
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
