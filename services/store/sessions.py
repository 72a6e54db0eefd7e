"""Stores sessions: the runs of Studios."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

T = core.session.c


@dataclass(frozen=True, slots=True)
class SessionState:
    """The columns of a session that commands and the controller need.

    `configuration` is {cpu, memory_mib, gpu, lifespan_hours, environment}; in a Studio with Conda packages also {image}: what the session
    begins from in place of the template's image, None if its base has it all.
    """

    id: str
    studio_id: str
    number: int
    compute_environment_id: str
    template_id: str
    started_by: str
    configuration: dict[str, Any]
    checkpoint_id: str
    base_checkpoint_id: str | None
    chosen_base: bool
    requested_checkpoint_id: str | None
    requested_operation_id: str | None
    upstream: dict[str, Any] | None
    stop_reason: str | None
    exit_code: int | None
    out_of_memory: bool
    saved: bool
    created_at: datetime
    running_at: datetime | None
    expires_at: datetime | None
    idle_stops_at: datetime | None
    next_save_at: datetime | None
    stop_at: datetime | None
    stop_actor: dict[str, Any] | None
    warned_at: datetime | None
    ended_at: datetime | None


RECORD = Record.of_table(SessionState, core.session)


async def find(reader: Reader, studio_id: str, number: int) -> SessionState | None:
    return RECORD.optional(
        (await reader.execute(select(*RECORD.columns).where(T.studio_id == studio_id, T.number == number))).one_or_none()
    )


async def unsaved_before(reader: Reader, studio_id: str, number: int) -> SessionState | None:
    """Returns the newest former session whose file system is not saved yet (B8: the next start saves it first)."""
    where = (T.studio_id == studio_id) & (T.number < number) & T.saved.is_(False)
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(where).order_by(T.number.desc()).limit(1))).one_or_none())


async def unsaved(reader: Reader, studio_id: str) -> list[SessionState]:
    return RECORD.rows(await reader.execute(select(*RECORD.columns).where(T.studio_id == studio_id, T.saved.is_(False))))


async def add(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.session).values(**values, created_at=transaction.now))


async def change_running(transaction: Transaction, workspace_id: str, **values: Any) -> None:
    """Writes columns of all sessions of a workspace that run, whose rows are locked in the order of their ids."""
    environments = select(core.compute_environment.c.id).where(core.compute_environment.c.workspace_id == workspace_id)
    running = T.compute_environment_id.in_(environments) & T.ended_at.is_(None) & T.running_at.is_not(None)
    ids = list((await transaction.execute(select(T.id).where(running).order_by(T.id).with_for_update())).scalars())
    await transaction.execute(update(core.session).where(T.id.in_(ids)).values(**values, version=T.version + 1))


async def change(transaction: Transaction, session_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.session).where(T.id == session_id).values(**values, version=T.version + 1))
