"""The builds of images, and the claims of those who do them (fenced by an epoch, as the Studios' leases are)."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, or_, select, update

from services.domain.ids import new_id
from services.domain.statuses import BuildState, StudioStatus
from services.store.db.database import Reader, Transaction
from services.store.tables import core

B = core.build.c
S = core.studio.c
OPEN = (BuildState.QUEUED.value, BuildState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Build:
    """One attempt. `recipe` is {"directory": a word of images/}; `message` is its last step, or why it failed."""

    id: str
    workspace_id: str
    compute_environment_id: str
    reference: str
    recipe: dict[str, Any]
    state: str
    message: str | None
    deadline: datetime
    lease_epoch: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


COLUMNS = [B[field.name] for field in fields(Build)]


async def find(reader: Reader, build_id: str) -> Build | None:
    row = (await reader.execute(select(*COLUMNS).where(B.id == build_id))).one_or_none()
    return Build(**row._mapping) if row else None


async def latest(reader: Reader, environment_id: str, reference: str) -> Build | None:
    """The newest attempt to have this image in this compute environment."""
    mine = and_(B.compute_environment_id == environment_id, B.reference == reference)
    row = (await reader.execute(select(*COLUMNS).where(mine).order_by(B.created_at.desc(), B.id.desc()).limit(1))).one_or_none()
    return Build(**row._mapping) if row else None


async def add(transaction: Transaction, values: dict[str, Any]) -> str:
    """Queue one; returns its id."""
    build_id = new_id()
    row = {"id": build_id, "state": BuildState.QUEUED.value, "due_at": transaction.now, "created_at": transaction.now, "lease_epoch": 0}
    await transaction.execute(insert(core.build).values(**row, **values))
    transaction.wake("build", build_id)
    return build_id


async def claim(transaction: Transaction, owner: str, length: timedelta, limit: int, at_work: Collection[str] = ()) -> list[Build]:
    """At most `limit` that nobody does, the oldest first; none of those that the claimer is `at_work` on, whatever became of its lease."""
    now = transaction.now
    free = or_(B.lease_until.is_(None), B.lease_until <= now)
    due = select(B.id).where(B.due_at <= now, free, B.id.not_in(at_work)).order_by(B.due_at).limit(limit).with_for_update(skip_locked=True)
    ids = (await transaction.execute(due)).scalars().all()
    if not ids:
        return []
    values = {"lease_owner": owner, "lease_until": now + length, "lease_epoch": B.lease_epoch + 1, "state": BuildState.RUNNING.value}
    rows = await transaction.execute(update(core.build).where(B.id.in_(ids)).values(**values, started_at=now).returning(*COLUMNS))
    return [Build(**row._mapping) for row in rows]


def _mine(build: Build) -> ColumnElement[bool]:
    return and_(B.id == build.id, B.lease_epoch == build.lease_epoch, B.state == BuildState.RUNNING.value)


async def renew(transaction: Transaction, build: Build, length: timedelta) -> bool:
    """It goes on; False if it was cancelled, or somebody else took over."""
    result = await transaction.execute(update(core.build).where(_mine(build)).values(lease_until=transaction.now + length))
    return result.rowcount == 1


async def say(transaction: Transaction, build: Build, message: str) -> None:
    """How far it is."""
    await transaction.execute(update(core.build).where(_mine(build)).values(message=message))


async def give_back(transaction: Transaction, owner: str) -> None:
    """`owner` ends: what it did is begun again by whoever comes next."""
    values = {"lease_until": None, "lease_owner": None}
    await transaction.execute(update(core.build).where(B.lease_owner == owner, B.state == BuildState.RUNNING.value).values(**values))


async def give_all_back(transaction: Transaction) -> None:
    """A single process begins: whoever did builds is dead (SQLite)."""
    await transaction.execute(update(core.build).where(B.lease_until.is_not(None)).values(lease_until=None, lease_owner=None))


async def end(transaction: Transaction, build: Build, state: BuildState, message: str | None) -> bool:
    """It has ended; False if that is not for us to say any more."""
    values = {"state": state.value, "message": message, "due_at": None, "lease_until": None, "lease_owner": None}
    result = await transaction.execute(update(core.build).where(_mine(build)).values(**values, ended_at=transaction.now))
    return result.rowcount == 1


async def cancel(transaction: Transaction, build_id: str, message: str) -> None:
    """Nobody needs it any more; whoever does it stops."""
    values = {"state": BuildState.CANCELLED.value, "message": message, "due_at": None, "lease_until": None, "lease_owner": None}
    await transaction.execute(update(core.build).where(B.id == build_id, B.state.in_(OPEN)).values(**values, ended_at=transaction.now))
    transaction.wake("build", build_id)


async def forget(transaction: Transaction, environment_id: str, reference: str, message: str) -> None:
    """What was built is not there any more: the next start builds it anew."""
    built = and_(B.compute_environment_id == environment_id, B.reference == reference, B.state == BuildState.SUCCEEDED.value)
    await transaction.execute(update(core.build).where(built).values(state=BuildState.CANCELLED.value, message=message))


async def is_awaited(transaction: Transaction, build_id: str) -> bool:
    """Whether a Studio waits for it, or it was not asked for by a person at all (the demo's, in the background)."""
    waiting = select(S.id).where(S.build_id == build_id, S.status == StudioStatus.BUILDING.value).limit(1)
    if (await transaction.execute(waiting)).first() is not None:
        return True
    actor = (await transaction.execute(select(B.actor).where(B.id == build_id))).scalar_one_or_none()
    return bool(actor and actor["cause"])


async def look_again(transaction: Transaction, build_id: str) -> None:
    """Have the controller look at the Studios that wait for it."""
    waiting = and_(S.build_id == build_id, S.status == StudioStatus.BUILDING.value)
    rows = await transaction.execute(update(core.studio).where(waiting).values(due_at=transaction.now).returning(S.id))
    for studio_id in rows.scalars():
        transaction.wake("studio", studio_id)
