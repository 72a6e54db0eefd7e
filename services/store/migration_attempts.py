"""Stores attempts to migrate Studios to newer templates."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, literal, or_, select, update

from services.domain.ids import new_id
from services.domain.lifecycle import ENDED
from services.domain.migration_issues import MigrationIssue
from services.domain.statuses import MigrationState, StudioStatus
from services.store.db.conditions import is_null_or_one_of
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record, converted
from services.store.tables import core

T = core.migration_attempt.c
S = core.studio.c
R = core.session.c


@dataclass(frozen=True, slots=True)
class AttemptState:
    """The columns of an attempt that commands and the controller need."""

    id: str
    workspace_id: str
    original_id: str
    original_name: str
    studio_id: str
    studio_name: str
    source_checkpoint_id: str
    checkpoint_id: str
    from_template_id: str
    to_template_id: str
    state: MigrationState
    created_at: datetime


RECORD = Record.of_table(AttemptState, core.migration_attempt, state=converted(MigrationState, T.state))


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt to be added."""

    workspace_id: str
    original_id: str
    original_name: str
    studio_id: str
    studio_name: str
    source_checkpoint_id: str
    checkpoint_id: str
    from_template_id: str
    to_template_id: str
    actor: dict[str, Any]


async def add(transaction: Transaction, new: NewAttempt) -> str:
    """Adds an attempt that is MIGRATING. Returns its id."""
    attempt_id = new_id()
    values = {name: getattr(new, name) for name in NewAttempt.__dataclass_fields__}
    begun = {"state": MigrationState.MIGRATING.value, "issues": [], "created_at": transaction.now, "version": 1}
    await transaction.execute(insert(core.migration_attempt).values(id=attempt_id, **values, **begun))
    return attempt_id


async def of_studio(reader: Reader, studio_id: str) -> AttemptState | None:
    """Returns the attempt that made the Studio; None for a Studio that no migration made."""
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(T.studio_id == studio_id))).one_or_none())


async def unfinished_of_original(reader: Reader, original_id: str) -> AttemptState | None:
    """Returns an attempt to migrate the Studio whose first session is still being built, started or checked; None if there is none."""
    has_begun = S.status.in_([StudioStatus.BUILDING.value, StudioStatus.STARTING.value, StudioStatus.RUNNING.value])
    where = (T.original_id == original_id, T.state == MigrationState.MIGRATING.value, has_begun)
    statement = select(*RECORD.columns).join(core.studio, S.id == T.studio_id).where(*where).order_by(T.created_at).limit(1)
    return RECORD.optional((await reader.execute(statement)).one_or_none())


async def end(transaction: Transaction, attempt_id: str, state: MigrationState, issues: Sequence[MigrationIssue] | None = None) -> None:
    """Writes the outcome of an attempt; None keeps the issues that it has."""
    values: dict[str, Any] = {"state": state.value, "ended_at": transaction.now, "version": T.version + 1}
    if issues is not None:
        values["issues"] = [issue.to_json() for issue in issues]
    await transaction.execute(update(core.migration_attempt).where(T.id == attempt_id).values(**values))


async def begin_again(transaction: Transaction, studio_id: str) -> AttemptState | None:
    """Makes a FAILED attempt MIGRATING again, since its Studio has started after all. Returns it; None if nothing changed."""
    failed = (T.studio_id == studio_id) & (T.state == MigrationState.FAILED.value)
    values: dict[str, Any] = {"state": MigrationState.MIGRATING.value, "issues": [], "ended_at": None, "version": T.version + 1}
    changed = await transaction.execute(update(core.migration_attempt).where(failed).values(**values))
    return await of_studio(transaction, studio_id) if changed.rowcount else None


async def remove_of_deleted(transaction: Transaction, studio_id: str) -> None:
    """Deletes the attempts of a Studio that has just been deleted, except those whose other Studio still exists."""
    studios = select(S.id)
    is_last = or_(
        (T.original_id == studio_id) & T.studio_id.not_in(studios),
        (T.studio_id == studio_id) & T.original_id.not_in(studios),
    )
    await transaction.execute(delete(core.migration_attempt).where(is_last))


async def to_check(reader: Reader, environments: Collection[str], limit: int) -> list[AttemptState]:
    """Returns at most `limit` attempts, the oldest first, whose session runs in one of these compute environments and is not checked yet,
    or has ended before."""
    is_unchecked = T.state == literal(MigrationState.MIGRATING.value, literal_execute=True)
    runs = (S.status == StudioStatus.RUNNING.value) & is_null_or_one_of(S.compute_environment_id, environments)
    has_ended = S.status.in_(sorted(status.value for status in ENDED))
    is_current = (R.studio_id == S.id) & (R.number == S.session_number)
    joined = core.migration_attempt.join(core.studio, S.id == T.studio_id).join(core.session, is_current)
    statement = select(*RECORD.columns).select_from(joined).where(is_unchecked, or_(runs, has_ended)).order_by(T.created_at).limit(limit)
    return RECORD.rows(await reader.execute(statement))
