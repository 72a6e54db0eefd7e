"""Counts the Studios of the installation by status, and what waits for controllers: for `/metrics`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, Table, and_, case, func, or_, select

from services.store.builds import OPEN_STATES
from services.store.db.database import Reader, clock
from services.store.tables import core

S = core.studio.c
_BY_STATUS = select(S.status, func.count().label("studios")).group_by(S.status)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Before all times: compared with it, only rows that have a time are read, by the index of that time."""


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """`due` Studios are due and under no lease, the first of them for `oldest_due_seconds`. `late` ones passed the deadline of their
    status. Builds are queued or running; removals are due."""

    due: int
    oldest_due_seconds: float
    late: int
    open_builds: int
    session_removals: int
    checkpoint_removals: int


async def studios_by_status(reader: Reader) -> dict[str, int]:
    """Returns the number of Studios in each status that one is in. It reads an index of all Studios."""
    return {row.status: row.studios for row in await reader.execute(_BY_STATUS)}


async def waiting_work(reader: Reader) -> WaitingWork:
    """Returns what waits, by one statement that reads only what is due or open."""
    now = await clock(reader.connection)
    row = (await reader.execute(_waiting_work(now))).one()
    oldest_due_seconds = max((now - (row.oldest or now)).total_seconds(), 0.0)
    return WaitingWork(row.due or 0, oldest_due_seconds, row.late or 0, row.builds, row.sessions, row.checkpoints)


def _waiting_work(now: datetime) -> Select[Any]:
    """Returns the statement. Studios without `due_at` have nothing to do."""
    is_due = and_(S.due_at <= now, or_(S.lease_until.is_(None), S.lease_until <= now))
    builds = select(func.count()).where(core.build.c.due_at > LONG_AGO, core.build.c.state.in_(OPEN_STATES))
    return select(
        func.sum(case((is_due, 1), else_=0)).label("due"),
        func.min(case((is_due, S.due_at))).label("oldest"),
        func.sum(case((S.deadline <= now, 1), else_=0)).label("late"),
        builds.scalar_subquery().label("builds"),
        _due_removals(core.session_cleanup, now).label("sessions"),
        _due_removals(core.checkpoint_cleanup, now).label("checkpoints"),
    ).where(S.due_at > LONG_AGO)


def _due_removals(table: Table, now: datetime) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(table.c.due_at <= now).scalar_subquery()
