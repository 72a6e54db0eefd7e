"""Reads and writes compute environments and workspace settings for commands and the controller."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, or_, select, update

from services.domain.ids import new_id
from services.domain.names import name_key
from services.store import outputs
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

CE = core.compute_environment.c
W = core.workspace.c


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """A compute environment's row. `settings` belong to its kind; `environment` are its variables, a list of {key, value, secret}.

    `engine_id` marks the engine or data directory that its sessions and checkpoints are on; None until it was first checked.
    """

    id: str
    workspace_id: str
    name: str
    kind: str
    settings: dict[str, Any]
    enabled: bool
    reachable: bool
    message: str | None
    cpu: float
    memory_mib: int
    gpu: int
    environment: list[dict[str, Any]]
    engine_id: str | None
    max_sessions: int | None
    max_cpu: float | None
    max_memory_mib: int | None
    max_gpu: int | None
    version: int


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """The settings of a workspace. None = the installation's default, or no limit."""

    lifespan_hours: int | None
    idle_minutes: int | None
    checkpoint_interval_seconds: int | None
    kept_checkpoints: int | None
    studios_enabled: bool
    max_sessions: int | None
    max_cpu: float | None
    max_memory_mib: int | None
    max_gpu: int | None


ENVIRONMENT_RECORD = Record.of_table(EnvironmentState, core.compute_environment)
SETTINGS_RECORD = Record.of_table(WorkspaceSettings, core.workspace)


async def find(reader: Reader, environment_id: str) -> EnvironmentState | None:
    return ENVIRONMENT_RECORD.optional(
        (await reader.execute(select(*ENVIRONMENT_RECORD.columns).where(CE.id == environment_id))).one_or_none()
    )


async def in_use(reader: Reader) -> list[EnvironmentState]:
    """Returns all that may run sessions, in every workspace; also those that are switched off while sessions go on there, or while
    something of them is to be removed."""
    held = select(core.session.c.compute_environment_id).where(core.session.c.ended_at.is_(None))
    cleanups = [exists().where(table.c.compute_environment_id == CE.id) for table in (core.session_cleanup, core.checkpoint_cleanup)]
    needed = or_(CE.enabled.is_(True), CE.id.in_(held), *cleanups)
    return ENVIRONMENT_RECORD.rows(await reader.execute(select(*ENVIRONMENT_RECORD.columns).where(needed).order_by(CE.id)))


async def of_workspace(reader: Reader, workspace_id: str) -> list[EnvironmentState]:
    """Returns the compute environments of a workspace by name."""
    return ENVIRONMENT_RECORD.rows(
        await reader.execute(select(*ENVIRONMENT_RECORD.columns).where(CE.workspace_id == workspace_id).order_by(CE.name_key))
    )


async def id_of(reader: Reader, workspace_id: str, name: str) -> str | None:
    """Returns the id of the workspace's compute environment of that name; None if there is none."""
    return (await reader.execute(select(CE.id).where(CE.workspace_id == workspace_id, CE.name_key == name_key(name)))).scalar_one_or_none()


async def insert_environment(transaction: Transaction, workspace_id: str, name: str, values: dict[str, Any]) -> str:
    """Returns the id of the new row. `values` are the columns that the caller decides."""
    environment_id = new_id()
    keys = {"id": environment_id, "workspace_id": workspace_id, "name": name, "name_key": name_key(name)}
    await transaction.execute(insert(core.compute_environment).values(**keys, **values, created_at=transaction.now, version=1))
    return environment_id


async def change(transaction: Transaction, environment_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.compute_environment).where(CE.id == environment_id).values(**values, version=CE.version + 1))


async def record_engine(transaction: Transaction, environment_id: str, engine_id: str) -> None:
    """Writes the engine's id where none is recorded: of two controllers that check it for the first time, one decides."""
    first = (CE.id == environment_id) & CE.engine_id.is_(None)
    await transaction.execute(update(core.compute_environment).where(first).values(engine_id=engine_id, version=CE.version + 1))


async def set_enabled(transaction: Transaction, kind: str, *, enabled: bool) -> None:
    """Switches all of a kind, in every workspace; those that are so already keep their `version`."""
    others = (CE.kind == kind) & (CE.enabled.is_not(enabled))
    await transaction.execute(update(core.compute_environment).where(others).values(enabled=enabled, version=CE.version + 1))


async def name_taken(reader: Reader, environment: EnvironmentState, key: str) -> bool:
    """Returns whether another compute environment of the workspace has this name key."""
    clash = (CE.workspace_id == environment.workspace_id) & (CE.name_key == key) & (CE.id != environment.id)
    return bool((await reader.execute(select(exists().where(clash)))).scalar_one())


async def remove(transaction: Transaction, environment_id: str) -> None:
    """Deletes the row, and the builds that ended there with their output."""
    builds = (await transaction.execute(select(core.build.c.id).where(core.build.c.compute_environment_id == environment_id))).scalars()
    await outputs.remove(transaction, list(builds))
    await transaction.execute(delete(core.build).where(core.build.c.compute_environment_id == environment_id))
    await transaction.execute(delete(core.compute_environment).where(CE.id == environment_id))


async def settings(reader: Reader, workspace_id: str) -> WorkspaceSettings:
    return SETTINGS_RECORD.row((await reader.execute(select(*SETTINGS_RECORD.columns).where(W.id == workspace_id))).one())
