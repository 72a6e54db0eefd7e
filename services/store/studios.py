"""Stores Studios: configuration, intent and observed status, for commands and the controller."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, select, update

from services.domain.statuses import StudioStatus
from services.store import migration_attempts, outputs
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.db.record import Record, converted
from services.store.tables import core

T = core.studio.c


@dataclass(frozen=True, slots=True)
class StudioState:
    """The columns of a Studio that commands and the controller need."""

    id: str
    public_id: str
    workspace_id: str
    owner_id: str
    template_id: str
    compute_environment_id: str | None
    name: str
    description: str | None
    revision: int
    cpu: float
    memory_mib: int
    gpu: int
    lifespan_hours: int
    environment: list[dict[str, Any]]
    conda_environment: str | None
    desired: str
    status: StudioStatus
    status_message: str | None
    status_since: datetime
    stop_reason: str | None
    session_number: int
    operation_id: str | None
    parent_checkpoint_id: str | None
    build_id: str | None
    deadline: datetime | None
    lease_epoch: int


RECORD = Record.of_table(StudioState, core.studio, status=converted(StudioStatus, T.status))
WORKSPACE = Query(select(T.workspace_id).where(T.id == bindparam("id")))


async def workspace_of(reader: Reader, studio_id: str) -> str | None:
    """Returns the id of the workspace that a Studio is in (it never moves); None if there is no such Studio."""
    row = await reader.one(WORKSPACE, id=studio_id)
    return str(row[0]) if row else None


async def find(reader: Reader, studio_id: str) -> StudioState | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(T.id == studio_id))).one_or_none())


async def find_locked(transaction: Transaction, studio_id: str) -> StudioState | None:
    """Returns the Studio with its row locked until the transaction ends, so that nobody changes or claims it."""
    statement = select(*RECORD.columns).where(T.id == studio_id).with_for_update()
    return RECORD.optional((await transaction.execute(statement)).one_or_none())


async def running_in(reader: Reader, environment_id: str) -> list[str]:
    """Returns the ids of the Studios whose session runs in a compute environment, by name."""
    session = core.session.c
    is_current = (session.studio_id == T.id) & (session.number == T.session_number)
    here = exists().where(is_current, session.compute_environment_id == environment_id)
    statement = select(T.id).where(T.status == StudioStatus.RUNNING.value, here).order_by(T.name_key)
    return list((await reader.execute(statement)).scalars())


async def add(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.studio).values(**values, status_since=transaction.now, created_at=transaction.now))


async def change(transaction: Transaction, studio_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.studio).where(T.id == studio_id).values(**values, version=T.version + 1))


async def remove(transaction: Transaction, studio_id: str) -> None:
    """Deletes the row and those that belong to it alone. Checkpoints, events and operations refer to it by value and stay."""
    runs = select(core.session.c.id).where(core.session.c.studio_id == studio_id)
    await transaction.execute(delete(core.session_stats).where(core.session_stats.c.session_id.in_(runs)))
    await outputs.remove_of_studio(transaction, studio_id)
    for table in (core.star, core.studio_label, core.session, core.inherited_checkpoint):
        await transaction.execute(delete(table).where(table.c.studio_id == studio_id))
    await transaction.execute(delete(core.studio).where(T.id == studio_id))
    await migration_attempts.remove_of_deleted(transaction, studio_id)


async def name_taken(reader: Reader, workspace_id: str, key: str, *, except_id: str | None = None) -> bool:
    """Returns whether another Studio of the workspace than `except_id` has this name key (B15)."""
    clash = select(T.id).where(T.workspace_id == workspace_id, T.name_key == key, T.id != (except_id or ""))
    return bool((await reader.execute(select(exists(clash)))).scalar_one())


async def star(transaction: Transaction, studio_id: str, user_id: str) -> bool:
    """Adds the user's star. Returns False if the user has starred the Studio already."""
    where = (core.star.c.studio_id == studio_id) & (core.star.c.user_id == user_id)
    if (await transaction.execute(select(core.star.c.user_id).where(where))).one_or_none():
        return False
    await transaction.execute(insert(core.star).values(studio_id=studio_id, user_id=user_id, created_at=transaction.now))
    return True


async def unstar(transaction: Transaction, studio_id: str, user_id: str) -> bool:
    """Deletes the user's star. Returns False if there is none."""
    where = (core.star.c.studio_id == studio_id) & (core.star.c.user_id == user_id)
    return (await transaction.execute(delete(core.star).where(where))).rowcount == 1
