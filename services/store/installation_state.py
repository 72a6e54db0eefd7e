"""Counts what the installation has to do: Studios by status, what is due and late, builds and removals. For `/metrics`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, Table, and_, case, func, or_, select

from services.store.builds import OPEN_STATES
from services.store.compute_environments import EnvironmentState, in_use
from services.store.db.database import Reader, clock
from services.store.tables import core

S = core.studio.c
_BY_STATUS = select(S.status, func.count().label("studios")).group_by(S.status)


@dataclass(frozen=True, slots=True)
class InstallationState:
    """`due` Studios are due and under no lease, the first of them since `oldest_due_seconds`. `late`: past the deadline of their status."""

    studios: Mapping[str, int]
    due: int
    oldest_due_seconds: float
    late: int
    open_builds: int
    session_removals: int
    checkpoint_removals: int
    environments: tuple[EnvironmentState, ...]


async def read(reader: Reader) -> InstallationState:
    """Returns the state, by three statements. That of the statuses reads one index; the others read only what is open."""
    now = await clock(reader.connection)
    studios: dict[str, int] = {row.status: row.studios for row in await reader.execute(_BY_STATUS)}
    row = (await reader.execute(_work(now))).one()
    oldest_due_seconds = max((now - (row.oldest or now)).total_seconds(), 0.0)
    environments = await in_use(reader)
    return InstallationState(
        studios, row.due or 0, oldest_due_seconds, row.late or 0, row.builds, row.sessions, row.checkpoints, tuple(environments)
    )


def _work(now: datetime) -> Select[Any]:
    """Returns the statement that counts what is due and late: Studios without `due_at` have nothing to do."""
    is_due = and_(S.due_at <= now, or_(S.lease_until.is_(None), S.lease_until <= now))
    builds = select(func.count()).where(core.build.c.due_at.is_not(None), core.build.c.state.in_(OPEN_STATES))
    return select(
        func.sum(case((is_due, 1), else_=0)).label("due"),
        func.min(case((is_due, S.due_at))).label("oldest"),
        func.sum(case((S.deadline <= now, 1), else_=0)).label("late"),
        builds.scalar_subquery().label("builds"),
        _due_removals(core.session_cleanup, now).label("sessions"),
        _due_removals(core.checkpoint_cleanup, now).label("checkpoints"),
    ).where(S.due_at.is_not(None))


def _due_removals(table: Table, now: datetime) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(table.c.due_at <= now).scalar_subquery()
