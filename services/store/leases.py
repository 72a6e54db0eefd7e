"""Who works on which Studio: claims that expire, fenced by an epoch (DESIGN 2). Nobody else sees them: no event, no `version`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update

from services.domain.lifecycle import ENDED
from services.store.db.database import Reader, Transaction
from services.store.studios import COLUMNS, StudioState, state
from services.store.tables import core

T = core.studio.c
HELD = tuple(status.value for status in ENDED)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on a Studio as it was at `at` (the database's clock)."""

    studio: StudioState
    at: datetime
    until: datetime

    @property
    def epoch(self) -> int:
        return self.studio.lease_epoch


@dataclass(frozen=True, slots=True)
class Busy:
    """What the claimer has its hands full with: Studios it works on, whatever became of their leases, and compute environments."""

    studios: Collection[str] = ()
    environments: Collection[str] = ()


NOT_BUSY = Busy()


def _free_of(busy: Busy) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [T.id.not_in(busy.studios)] if busy.studios else []
    if busy.environments:
        where.append(or_(T.compute_environment_id.is_(None), T.compute_environment_id.not_in(busy.environments)))
    return where


async def claim(transaction: Transaction, owner: str, length: timedelta, limit: int, busy: Busy = NOT_BUSY) -> list[Lease]:
    """At most `limit` Studios that are due and that nobody works on; longest due first.

    `due_at` becomes the lease's end, so that a crash of ours leaves it due again.
    """
    now, until = transaction.now, transaction.now + length
    free = or_(T.lease_until.is_(None), T.lease_until <= now)
    due = select(T.id).where(T.due_at <= now, free, *_free_of(busy)).order_by(T.due_at).limit(limit).with_for_update(skip_locked=True)
    ids = (await transaction.execute(due)).scalars().all()
    if not ids:
        return []
    values = {"lease_owner": owner, "lease_until": until, "lease_epoch": T.lease_epoch + 1, "due_at": until}
    rows = await transaction.execute(update(core.studio).where(T.id.in_(ids)).values(**values).returning(*COLUMNS))
    return [Lease(state(row), now, until) for row in rows]


def _mine(lease: Lease) -> ColumnElement[bool]:
    return and_(T.id == lease.studio.id, T.lease_epoch == lease.epoch)


async def renew(transaction: Transaction, lease: Lease, length: timedelta) -> bool:
    """Work goes on; False if somebody else took over."""
    result = await transaction.execute(update(core.studio).where(_mine(lease)).values(lease_until=transaction.now + length))
    return result.rowcount == 1


async def release(transaction: Transaction, lease: Lease, due_at: datetime | None) -> None:
    """Done for now; look again at `due_at`. Whoever asked for a look meanwhile (by writing another `due_at`) gets it."""
    untouched = and_(_mine(lease), T.due_at == lease.until)
    await transaction.execute(update(core.studio).where(untouched).values(due_at=due_at))
    await transaction.execute(update(core.studio).where(_mine(lease)).values(lease_until=None, lease_owner=None))


async def break_lease(transaction: Transaction, studio_id: str) -> None:
    """Whoever works on the Studio finds that it is not theirs any more."""
    values = {"lease_until": None, "lease_owner": None, "lease_epoch": T.lease_epoch + 1}
    await transaction.execute(update(core.studio).where(T.id == studio_id).values(**values))


async def release_owned(transaction: Transaction, owner: str) -> None:
    """`owner` ends in good order: what it held, or was just about to take up, is due at once."""
    values = {"lease_until": None, "lease_owner": None, "due_at": transaction.now}
    await transaction.execute(update(core.studio).where(T.lease_owner == owner).values(**values))


async def release_all(transaction: Transaction) -> None:
    """A single process begins: whoever held a lease is dead (SQLite)."""
    values = {"lease_until": None, "lease_owner": None, "lease_epoch": T.lease_epoch + 1}
    await transaction.execute(update(core.studio).where(T.lease_until.is_not(None)).values(**values))


async def look_again(transaction: Transaction, studio_id: str, session_number: int) -> None:
    """Something happened to this session's resources."""
    same = and_(T.id == studio_id, T.session_number == session_number, T.status.not_in(HELD))
    await transaction.execute(update(core.studio).where(same).values(due_at=transaction.now))


async def look_at_all(transaction: Transaction, environment_id: str) -> None:
    """What happens in this compute environment was not heard for a while."""
    held = and_(T.compute_environment_id == environment_id, T.status.not_in(HELD))
    await transaction.execute(update(core.studio).where(held).values(due_at=transaction.now))


async def next_due(reader: Reader, busy: Busy = NOT_BUSY) -> datetime | None:
    """When the next Studio must be looked at, be it in the past; one that somebody works on counts from its lease's end."""
    when = case((T.lease_until > T.due_at, T.lease_until), else_=T.due_at)
    first = select(func.min(when)).where(T.due_at.is_not(None), *_free_of(busy))
    return cast("datetime | None", (await reader.execute(first)).scalar_one())
