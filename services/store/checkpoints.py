"""Stores checkpoints: the saved file systems of sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, literal, select, update

from services.domain.statuses import CheckpointStatus
from services.store.db.conditions import is_null_or_one_of
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

T = core.checkpoint.c
SAVED = (CheckpointStatus.INTERIM.value, CheckpointStatus.FINALIZED.value)
"""The statuses of checkpoints that a start can begin from."""
MIGRATION_SESSION = 0
"""The session number of a checkpoint that no session saved: a migration put the files of another Studio over a template (B74)."""


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """The columns of a checkpoint that commands and the controller need."""

    id: str
    studio_id: str
    workspace_id: str
    number: int
    save_order: int
    session_number: int
    compute_environment_id: str | None
    name: str
    named: bool
    status: str
    valid_status: str | None
    parent_id: str | None
    template_id: str | None
    reference: str | None
    digest: str | None
    size: int | None
    layers: int
    saved_at: datetime | None
    deleted_at: datetime | None

    @property
    def awaits_files(self) -> bool:
        """Whether it is that of a migration whose files are still to be put over the new template."""
        return self.session_number == MIGRATION_SESSION and self.status == CheckpointStatus.EMPTY.value


RECORD = Record.of_table(CheckpointState, core.checkpoint)


async def find(reader: Reader, checkpoint_id: str) -> CheckpointState | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(T.id == checkpoint_id))).one_or_none())


async def latest_saved(reader: Reader, studio_id: str) -> CheckpointState | None:
    """Returns the INTERIM or FINALIZED checkpoint that was saved last, the base of the next start (B10)."""
    where = (T.studio_id == studio_id) & T.status.in_(SAVED) & T.deleted_at.is_(None)
    return RECORD.optional(
        (await reader.execute(select(*RECORD.columns).where(where).order_by(T.save_order.desc()).limit(1))).one_or_none()
    )


async def newest_with_data(reader: Reader, studio_id: str, *, except_id: str | None = None) -> CheckpointState | None:
    """Returns the checkpoint that was saved last, or is INVALID: its data is missing, or was lost with its session before a save."""
    where = (T.studio_id == studio_id) & T.status.in_((*SAVED, CheckpointStatus.INVALID.value)) & T.deleted_at.is_(None)
    if except_id is not None:
        where &= T.id != except_id
    return RECORD.optional(
        (await reader.execute(select(*RECORD.columns).where(where).order_by(T.save_order.desc()).limit(1))).one_or_none()
    )


async def of_migration(reader: Reader, studio_id: str) -> CheckpointState | None:
    """Returns the checkpoint that a migrated Studio begins from, EMPTY until its files are put over the template; else None."""
    where = (T.studio_id == studio_id) & (T.session_number == MIGRATION_SESSION)
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(where))).one_or_none())


async def invalid(reader: Reader, environments: Collection[str], after: str, limit: int) -> list[CheckpointState]:
    """Returns at most `limit` INVALID checkpoints in these compute environments by id, from the one that follows `after`."""
    # The status is in the statement's text, since a database cannot match a parameter with the condition of a partial index.
    is_invalid = T.status == literal(CheckpointStatus.INVALID.value, literal_execute=True)
    where = (
        is_invalid,
        T.id > after,
        T.reference.is_not(None),
        T.deleted_at.is_(None),
        is_null_or_one_of(T.compute_environment_id, environments),
    )
    return RECORD.rows(await reader.execute(select(*RECORD.columns).where(*where).order_by(T.id).limit(limit)))


async def name_taken(reader: Reader, studio_id: str, key: str, *, except_id: str | None = None) -> bool:
    """Returns whether another checkpoint of the Studio than `except_id` has this name key (B32)."""
    clash = select(T.id).where(T.studio_id == studio_id, T.name_key == key, T.id != (except_id or ""))
    return bool((await reader.execute(select(exists(clash)))).scalar_one())


async def last_number(reader: Reader, studio_id: str) -> int:
    """Returns the number of the newest checkpoint, 0 if there is none."""
    statement = select(T.number).where(T.studio_id == studio_id).order_by(T.number.desc()).limit(1)
    return int((await reader.execute(statement)).scalar_one_or_none() or 0)


async def next_save_order(reader: Reader, studio_id: str) -> int:
    """Returns the place of the Studio's next save in the order of its saves."""
    statement = select(T.save_order).where(T.studio_id == studio_id).order_by(T.save_order.desc()).limit(1)
    return int((await reader.execute(statement)).scalar_one_or_none() or 0) + 1


async def with_many_layers(
    reader: Reader, environments: Collection[str], layers: int, limit: int, *, except_ids: Collection[str]
) -> list[CheckpointState]:
    """Returns at most `limit` saved checkpoints in these compute environments with more than so many layers, that no session uses.

    Those with `except_ids`, of which there are few, are left out.
    """
    session = core.session.c
    is_used = exists().where(session.saved.is_(False), session.studio_id == T.studio_id)
    where = (
        T.layers > literal(layers, literal_execute=True),
        T.status == CheckpointStatus.FINALIZED.value,
        T.reference.is_not(None),
        T.deleted_at.is_(None),
        is_null_or_one_of(T.compute_environment_id, environments),
        T.id.not_in(sorted(except_ids)),
        ~is_used,
    )
    return RECORD.rows(await reader.execute(select(*RECORD.columns).where(*where).order_by(T.layers.desc()).limit(limit)))


async def add(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.checkpoint).values(**values, save_order=0, created_at=transaction.now))


async def change(transaction: Transaction, checkpoint_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.checkpoint).where(T.id == checkpoint_id).values(**values, version=T.version + 1))


async def delete_data(transaction: Transaction, found: Collection[CheckpointState]) -> None:
    """Marks checkpoints as deleted, and frees their names in their Studios. The rows stay, for lineage."""
    ids = [checkpoint.id for checkpoint in found]
    values = {"deleted_at": transaction.now, "name_key": T.id, "version": T.version + 1}
    await transaction.execute(update(core.checkpoint).where(T.id.in_(ids)).values(values))
