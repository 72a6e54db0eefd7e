"""What the controller has to remove: sessions' resources (leftover) and saves that nothing needs (garbage)."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from services.domain.ids import new_id
from services.store.db.database import Reader, Transaction
from services.store.tables import core

L = core.leftover.c
G = core.garbage.c
MAX_DELAY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leftover:
    """Resources of one session."""

    id: str
    compute_environment_id: str
    studio_id: str
    public_id: str
    session_number: int
    attempts: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Garbage:
    """One save."""

    id: str
    compute_environment_id: str
    reference: str
    attempts: int


LEFTOVER = (L.id, L.compute_environment_id, L.studio_id, L.public_id, L.session_number, L.attempts, L.due_at)
GARBAGE = (G.id, G.compute_environment_id, G.reference, G.attempts)


async def leave(
    transaction: Transaction,
    compute_environment_id: str,
    studio_id: str,
    public_id: str,
    number: int,
    why: str | None = None,
    *,
    wait: timedelta = timedelta(0),
) -> Leftover:
    """Note a session's resources for removal, after `wait`. Noting them twice does no harm: removal is idempotent."""
    left = Leftover(new_id(), compute_environment_id, studio_id, public_id, number, 0, transaction.now + wait)
    values: dict[str, Any] = {**asdict(left), "message": why, "created_at": transaction.now}
    await transaction.execute(insert(core.leftover).values(**values))
    transaction.wake("studio", studio_id)
    return left


async def discard(transaction: Transaction, compute_environment_id: str, reference: str) -> None:
    """Note a save for removal."""
    values = {"compute_environment_id": compute_environment_id, "reference": reference}
    await transaction.execute(insert(core.garbage).values(id=new_id(), **values, created_at=transaction.now, due_at=transaction.now))


async def of_studio(reader: Reader, studio_id: str) -> list[Leftover]:
    rows = await reader.execute(select(*LEFTOVER).where(L.studio_id == studio_id))
    return [Leftover(**row._mapping) for row in rows]


async def due_leftovers(reader: Reader, now: datetime, limit: int) -> list[Leftover]:
    rows = await reader.execute(select(*LEFTOVER).where(L.due_at <= now).order_by(L.due_at).limit(limit))
    return [Leftover(**row._mapping) for row in rows]


async def due_garbage(reader: Reader, now: datetime, limit: int) -> list[Garbage]:
    rows = await reader.execute(select(*GARBAGE).where(G.due_at <= now).order_by(G.due_at).limit(limit))
    return [Garbage(**row._mapping) for row in rows]


async def gone(transaction: Transaction, item: Leftover | Garbage) -> None:
    table = core.leftover if isinstance(item, Leftover) else core.garbage
    await transaction.execute(delete(table).where(table.c.id == item.id))


async def retry_later(transaction: Transaction, item: Leftover | Garbage, why: str) -> None:
    """Try again after 1, 2, 4 ... seconds, at most five minutes."""
    table = core.leftover if isinstance(item, Leftover) else core.garbage
    delay = min(timedelta(seconds=2 ** min(item.attempts, 12)), MAX_DELAY)
    values = {"attempts": item.attempts + 1, "message": why, "due_at": transaction.now + delay}
    await transaction.execute(update(table).where(table.c.id == item.id).values(**values))
