"""Stores the newest measurement of each running session (B85).

A measurement is no event and raises no `version`: otherwise every list of Studios would change all the time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Float, Select, and_, bindparam, cast, delete, exists, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from services.domain.compute_kinds import spec_of
from services.domain.statuses import StudioStatus
from services.rows.stats import SessionStatsRow
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import utc_time
from services.store.tables import core

T = core.session_stats.c
R = core.session.c
S = core.studio.c
E = core.compute_environment.c

NAMES = ("session_id", "at", "cpu", "memory_bytes", "memory_limit_bytes", "network_received_bytes", "network_sent_bytes", "processes")
SESSION_CPU = cast(R.configuration.op("->>")(literal_column("'cpu'")), Float)
"""The cores that a session was started with. The operator is the same in SQLite (3.38) and PostgreSQL."""
NOW_RUNNING = and_(S.id == R.studio_id, S.session_number == R.number, S.status == StudioStatus.RUNNING.value, R.ended_at.is_(None))


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A running session. `measured_at` is the time of its newest measurement, by any controller; None if it has none."""

    id: str
    studio_id: str
    public_id: str
    number: int
    compute_environment_id: str
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement of a session: cpu in cores, memory and network in bytes. None where the compute environment does not tell."""

    session_id: str
    at: datetime
    cpu: float
    memory_bytes: int
    memory_limit_bytes: int | None
    network_received_bytes: int | None
    network_sent_bytes: int | None
    processes: int | None


RUNNING_RECORD = Record.of_table(RunningSession, core.session, public_id=S.public_id, measured_at=nullable(utc_time, T.at))
_RUNNING = Query(
    select(*RUNNING_RECORD.columns)
    .select_from(core.session)
    .join(core.studio, NOW_RUNNING)
    .outerjoin(core.session_stats, T.session_id == R.id)
    .order_by(R.id)
)
_ENDED = ~exists(select(R.id).join(core.studio, NOW_RUNNING).where(R.id == T.session_id))
_IS_OLD = Query(select(T.session_id).where(_ENDED).limit(1))


async def running(reader: Reader) -> list[RunningSession]:
    """Returns all sessions that run now."""
    return RUNNING_RECORD.rows(await reader.all(_RUNNING))


async def has_outdated(reader: Reader) -> bool:
    """Returns whether there are measurements of sessions that no longer run."""
    return await reader.one(_IS_OLD) is not None


async def remove_outdated(transaction: Transaction) -> None:
    """Deletes the measurements of sessions that no longer run."""
    await transaction.execute(delete(core.session_stats).where(_ENDED))


async def write(transaction: Transaction, measurements: Sequence[Measurement]) -> None:
    """Stores the measurements, except those of sessions that have ended meanwhile.

    It is one statement in one order, so that two controllers do not deadlock.
    """
    rows = [asdict(measurement) for measurement in sorted(measurements, key=lambda measurement: measurement.session_id)]
    await transaction.execute(_UPSERTS[transaction.connection.dialect.name], rows)
    transaction.wake("stats", "")


def _upsert(insert: Any) -> Any:
    values = [bindparam(name, type_=T[name].type) for name in NAMES]
    rows = select(*values).select_from(core.session).join(core.studio, NOW_RUNNING).where(R.id == bindparam("session_id"))
    statement = insert(core.session_stats).from_select(NAMES, rows)
    return statement.on_conflict_do_update(index_elements=[T.session_id], set_={name: statement.excluded[name] for name in NAMES[1:]})


_UPSERTS = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def _cpu_limit(cpu: float, kind: str) -> float | None:
    return cpu or None if spec_of(kind).limits_cpu else None


STATS_RECORD = Record.of_table(
    SessionStatsRow, core.session_stats, S.id, at=converted(utc_time, T.at), cpu_limit=converted(_cpu_limit, SESSION_CPU, E.kind)
)


def newest(studios: Select[Any]) -> Select[Any]:
    """Returns the select of the newest measurements of the running sessions of the Studios `:studio_ids`.

    `studios` selects the columns of STATS_RECORD from Studios.

    The limit of the processors is the one that the session was started with, which its overrides may have set (B1).
    """
    return (
        studios.join(core.session, NOW_RUNNING)
        .join(core.session_stats, T.session_id == R.id)
        .join(core.compute_environment, E.id == R.compute_environment_id)
        .where(is_one_of(S.id, "studio_ids"))
    )


_NEWEST = Query(newest(select(*STATS_RECORD.columns).select_from(core.studio)))


async def of_studios(reader: Reader, studio_ids: Sequence[str]) -> dict[str, SessionStatsRow]:
    """Returns the newest measurement of each Studio that runs and was measured. The caller has checked that the viewer sees them."""
    return STATS_RECORD.keyed(await reader.all(_NEWEST, studio_ids=list(studio_ids)), S.id)
