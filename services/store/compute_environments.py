"""Compute environments, templates and workspace settings, as commands and the controller need them."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import or_, select, update

from services.domain.lifecycle import ENDED
from services.store.db.database import Reader, Transaction
from services.store.tables import core

E = core.compute_environment.c
P = core.template.c
W = core.workspace.c


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """A compute environment's row; `settings` belong to its kind, `environment` is a list of {key, value, secret}."""

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
    version: int


@dataclass(frozen=True, slots=True)
class TemplateState:
    """What a template runs."""

    id: str
    workspace_id: str
    name: str
    tool: str
    image: str
    recipe: str | None
    tool_version: str
    status: str
    port: int
    ready_path: str


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """Null leaves the default."""

    lifespan_hours: int | None
    idle_minutes: int | None
    checkpoint_interval_seconds: int | None


ENVIRONMENT = [E[field.name] for field in fields(EnvironmentState)]
TEMPLATE = [P[field.name] for field in fields(TemplateState)]
SETTINGS = [W[field.name] for field in fields(WorkspaceSettings)]


async def find(reader: Reader, environment_id: str) -> EnvironmentState | None:
    row = (await reader.execute(select(*ENVIRONMENT).where(E.id == environment_id))).one_or_none()
    return EnvironmentState(**row._mapping) if row else None


async def in_use(reader: Reader) -> list[EnvironmentState]:
    """All that may run sessions, in every workspace; also those that are switched off while sessions go on there."""
    held = select(core.studio.c.compute_environment_id).where(core.studio.c.status.not_in(tuple(status.value for status in ENDED)))
    rows = await reader.execute(select(*ENVIRONMENT).where(or_(E.enabled.is_(True), E.id.in_(held))).order_by(E.id))
    return [EnvironmentState(**row._mapping) for row in rows]


async def of_workspace(reader: Reader, workspace_id: str) -> list[EnvironmentState]:
    rows = await reader.execute(select(*ENVIRONMENT).where(E.workspace_id == workspace_id).order_by(E.name_key))
    return [EnvironmentState(**row._mapping) for row in rows]


async def change(transaction: Transaction, environment_id: str, **values: Any) -> None:
    """Write columns that a reader can see: bumps `version`."""
    await transaction.execute(update(core.compute_environment).where(E.id == environment_id).values(**values, version=E.version + 1))


async def switch(transaction: Transaction, kind: str, *, enabled: bool) -> None:
    """All of a kind, in every workspace, that are not so yet."""
    these = (E.kind == kind) & (E.enabled.is_not(enabled))
    await transaction.execute(update(core.compute_environment).where(these).values(enabled=enabled, version=E.version + 1))


async def template(reader: Reader, template_id: str) -> TemplateState | None:
    row = (await reader.execute(select(*TEMPLATE).where(P.id == template_id))).one_or_none()
    return TemplateState(**row._mapping) if row else None


async def settings(reader: Reader, workspace_id: str) -> WorkspaceSettings:
    row = (await reader.execute(select(*SETTINGS).where(W.id == workspace_id))).one()
    return WorkspaceSettings(**row._mapping)
