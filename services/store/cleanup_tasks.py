"""Clean-up tasks: sessions' resources and checkpoints' data that the controller has to remove."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, union, update

from services.domain.ids import new_id
from services.domain.session_name import SessionName
from services.store.db.conditions import is_null_or_one_of
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

S = core.session_cleanup.c
C = core.checkpoint_cleanup.c
MAX_RETRY_DELAY = timedelta(minutes=5)
LATE_SAVE = timedelta(hours=1)
"""How long after its beginning a save may still come into being: several times as long as any save may take."""
LATE_CREATE = timedelta(hours=1)
"""The same for the resources of a session that was given up."""
FIRST_LATE_LOOK = timedelta(seconds=2)
"""After the first removal of what may come into being later; then twice as long, each time."""


@dataclass(frozen=True, slots=True)
class SessionCleanup:
    """The task to remove the resources of `session`. Until `late_until` more of them may come into being."""

    id: str
    compute_environment_id: str
    session: SessionName
    attempts: int
    late_until: datetime | None


@dataclass(frozen=True, slots=True)
class CheckpointCleanup:
    """The task to remove the data of a checkpoint; `checkpoint_id`: it is an attempt to save that one, which nobody recorded."""

    id: str
    compute_environment_id: str
    reference: str
    checkpoint_id: str | None
    attempts: int
    created_at: datetime

    @property
    def late_until(self) -> datetime | None:
        """Until when the save may come into being; None for data that is there."""
        return self.created_at + LATE_SAVE if self.checkpoint_id else None


CHECKPOINT_RECORD = Record.of_table(CheckpointCleanup, core.checkpoint_cleanup)


async def add_session(
    transaction: Transaction,
    compute_environment_id: str,
    session: SessionName,
    reason: str | None = None,
    *,
    given_up: bool = False,
) -> SessionCleanup:
    """Add the task to remove a session's resources. Adding it twice does no harm, since removal is idempotent.

    `given_up`: calls that make resources may be under way; an engine finishes them, and so does a controller that was frozen.
    """
    late_until = transaction.now + LATE_CREATE if given_up else None
    task = SessionCleanup(new_id(), compute_environment_id, session, 0, late_until)
    values = {
        "id": task.id,
        "compute_environment_id": compute_environment_id,
        "studio_id": session.studio_id,
        "public_id": session.public_id,
        "session_number": session.number,
        "late_until": late_until,
        "message": reason,
        "created_at": transaction.now,
        "due_at": transaction.now,
    }
    await transaction.execute(insert(core.session_cleanup).values(**values))
    transaction.wake("studio", session.studio_id)
    return task


async def add_checkpoint(transaction: Transaction, compute_environment_id: str, reference: str, delay: timedelta = timedelta()) -> None:
    """Add the task to remove the data of a checkpoint, after `delay`."""
    values = {"compute_environment_id": compute_environment_id, "reference": reference}
    times = {"created_at": transaction.now, "due_at": transaction.now + delay}
    await transaction.execute(insert(core.checkpoint_cleanup).values(id=new_id(), **values, **times))


async def add_save_attempt(
    transaction: Transaction, compute_environment_id: str, checkpoint_id: str, reference: str, limit: timedelta
) -> bool:
    """Write that a save of this name is about to be made; it is removed after `limit` unless it is recorded before (`recorded`).

    False if a save of this name is being removed: it needs another name.
    """
    tasks = await transaction.execute(select(C.id, C.begun_at).where(C.checkpoint_id == checkpoint_id, C.reference == reference))
    if any(task.begun_at is not None for task in tasks.all()):
        return False
    await transaction.execute(delete(core.checkpoint_cleanup).where(C.checkpoint_id == checkpoint_id, C.reference == reference))
    values = {"compute_environment_id": compute_environment_id, "checkpoint_id": checkpoint_id, "reference": reference}
    times = {"created_at": transaction.now, "due_at": transaction.now + limit}
    await transaction.execute(insert(core.checkpoint_cleanup).values(id=new_id(), **values, **times))
    return True


async def take_save_attempt(transaction: Transaction, checkpoint_id: str, reference: str) -> bool:
    """Delete the attempt whose save is recorded in this transaction. False if the save is being removed, or was."""
    where = (C.checkpoint_id == checkpoint_id) & (C.reference == reference) & C.begun_at.is_(None)
    return bool((await transaction.execute(delete(core.checkpoint_cleanup).where(where))).rowcount)


async def end_save_attempts(transaction: Transaction, checkpoint_id: str) -> None:
    """Let what other attempts made of this checkpoint be removed now: nobody records it any more."""
    where = (C.checkpoint_id == checkpoint_id) & C.begun_at.is_(None)
    await transaction.execute(update(core.checkpoint_cleanup).where(where).values(due_at=transaction.now))


async def begin_removal(transaction: Transaction, task: CheckpointCleanup) -> bool:
    """From now on the save cannot be recorded. False if it was recorded meanwhile."""
    begun = update(core.checkpoint_cleanup).where(C.id == task.id).values(begun_at=transaction.now)
    return bool((await transaction.execute(begun)).rowcount)


async def pending_of_studio(reader: Reader, installation: str, studio_id: str) -> list[SessionCleanup]:
    """The tasks about sessions of this Studio whose resources have not been removed yet."""
    pending = or_(S.attempts == 0, S.message.is_not(None))
    rows = await reader.execute(select(core.session_cleanup).where(S.studio_id == studio_id, pending))
    return [_session_cleanup(row, installation) for row in rows]


async def environments_with_due_tasks(reader: Reader, now: datetime, environments: Collection[str]) -> list[str]:
    """Those of the compute environments in which something is due to be removed."""
    due = [
        select(T.compute_environment_id).where(T.due_at <= now, is_null_or_one_of(T.compute_environment_id, environments)) for T in (S, C)
    ]
    return sorted(set((await reader.execute(union(*due))).scalars()))


async def due_sessions(reader: Reader, installation: str, now: datetime, environments: Collection[str], limit: int) -> list[SessionCleanup]:
    """At most `limit` tasks in these compute environments, longest due first."""
    due = (S.due_at <= now) & is_null_or_one_of(S.compute_environment_id, environments)
    rows = await reader.execute(select(core.session_cleanup).where(due).order_by(S.due_at).limit(limit))
    return [_session_cleanup(row, installation) for row in rows]


def _session_cleanup(row: Any, installation: str) -> SessionCleanup:
    session = SessionName(installation, row.studio_id, row.public_id, row.session_number)
    return SessionCleanup(row.id, row.compute_environment_id, session, row.attempts, row.late_until)


async def due_checkpoints(reader: Reader, now: datetime, environments: Collection[str], limit: int) -> list[CheckpointCleanup]:
    """At most `limit` tasks in these compute environments, longest due first."""
    due = (C.due_at <= now) & is_null_or_one_of(C.compute_environment_id, environments)
    statement = select(*CHECKPOINT_RECORD.columns).where(due).order_by(C.due_at).limit(limit)
    return CHECKPOINT_RECORD.rows(await reader.execute(statement))


async def complete(transaction: Transaction, task: SessionCleanup | CheckpointCleanup) -> None:
    """Remove a task that is done. Where more may come into being, it is looked at again, after growing pauses, until that has passed."""
    table = core.session_cleanup if isinstance(task, SessionCleanup) else core.checkpoint_cleanup
    late_until = task.late_until
    if late_until is None or late_until <= transaction.now:
        await transaction.execute(delete(table).where(table.c.id == task.id))
        return
    due_at = min(transaction.now + FIRST_LATE_LOOK * 2 ** min(task.attempts, 12), late_until)
    await transaction.execute(update(table).where(table.c.id == task.id).values(attempts=task.attempts + 1, message=None, due_at=due_at))


async def retry_later(transaction: Transaction, task: SessionCleanup | CheckpointCleanup, reason: str) -> None:
    """Make the task due again after 1, 2, 4 ... seconds, at most five minutes; `reason` is why it failed."""
    table = core.session_cleanup if isinstance(task, SessionCleanup) else core.checkpoint_cleanup
    delay = min(timedelta(seconds=2 ** min(task.attempts, 12)), MAX_RETRY_DELAY)
    values = {"attempts": task.attempts + 1, "message": reason, "due_at": transaction.now + delay}
    await transaction.execute(update(table).where(table.c.id == task.id).values(**values))
