"""Clean-up tasks: sessions' resources and checkpoints' data that the controller has to remove."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from services.domain.ids import new_id
from services.domain.session_name import SessionName
from services.store.db.database import Reader, Transaction
from services.store.tables import core

S = core.session_cleanup.c
C = core.checkpoint_cleanup.c
MAX_RETRY_DELAY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SessionCleanup:
    """The task to remove the resources of `session`. One that is not due yet may find more to remove then."""

    id: str
    compute_environment_id: str
    session: SessionName
    attempts: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointCleanup:
    """The task to remove the data of a checkpoint."""

    id: str
    compute_environment_id: str
    reference: str
    attempts: int


async def add_session(
    transaction: Transaction,
    compute_environment_id: str,
    session: SessionName,
    reason: str | None = None,
    *,
    delay: timedelta = timedelta(0),
) -> SessionCleanup:
    """Add the task to remove a session's resources after `delay`. Adding it twice does no harm, since removal is idempotent."""
    task = SessionCleanup(new_id(), compute_environment_id, session, 0, transaction.now + delay)
    values = {
        "id": task.id,
        "compute_environment_id": compute_environment_id,
        "studio_id": session.studio_id,
        "public_id": session.public_id,
        "session_number": session.number,
        "message": reason,
        "created_at": transaction.now,
        "due_at": task.due_at,
    }
    await transaction.execute(insert(core.session_cleanup).values(**values))
    transaction.wake("studio", session.studio_id)
    return task


async def add_checkpoint(transaction: Transaction, compute_environment_id: str, reference: str) -> None:
    """Add the task to remove the data of a checkpoint."""
    values = {"compute_environment_id": compute_environment_id, "reference": reference}
    times = {"created_at": transaction.now, "due_at": transaction.now}
    await transaction.execute(insert(core.checkpoint_cleanup).values(id=new_id(), **values, **times))


async def of_studio(reader: Reader, installation: str, studio_id: str) -> list[SessionCleanup]:
    """All tasks about sessions of this Studio, also those that are not due."""
    rows = await reader.execute(select(core.session_cleanup).where(S.studio_id == studio_id))
    return [_session_cleanup(row, installation) for row in rows]


async def due_sessions(reader: Reader, installation: str, now: datetime, limit: int) -> list[SessionCleanup]:
    rows = await reader.execute(select(core.session_cleanup).where(S.due_at <= now).order_by(S.due_at).limit(limit))
    return [_session_cleanup(row, installation) for row in rows]


def _session_cleanup(row: Any, installation: str) -> SessionCleanup:
    session = SessionName(installation, row.studio_id, row.public_id, row.session_number)
    return SessionCleanup(row.id, row.compute_environment_id, session, row.attempts, row.due_at)


async def due_checkpoints(reader: Reader, now: datetime, limit: int) -> list[CheckpointCleanup]:
    columns = (C.id, C.compute_environment_id, C.reference, C.attempts)
    rows = await reader.execute(select(*columns).where(C.due_at <= now).order_by(C.due_at).limit(limit))
    return [CheckpointCleanup(**row._mapping) for row in rows]


async def complete(transaction: Transaction, task: SessionCleanup | CheckpointCleanup) -> None:
    """Remove a task that is done."""
    table = core.session_cleanup if isinstance(task, SessionCleanup) else core.checkpoint_cleanup
    await transaction.execute(delete(table).where(table.c.id == task.id))


async def retry_later(transaction: Transaction, task: SessionCleanup | CheckpointCleanup, reason: str) -> None:
    """Make the task due again after 1, 2, 4 ... seconds, at most five minutes; `reason` is why it failed."""
    table = core.session_cleanup if isinstance(task, SessionCleanup) else core.checkpoint_cleanup
    delay = min(timedelta(seconds=2 ** min(task.attempts, 12)), MAX_RETRY_DELAY)
    values = {"attempts": task.attempts + 1, "message": reason, "due_at": transaction.now + delay}
    await transaction.execute(update(table).where(table.c.id == task.id).values(**values))
