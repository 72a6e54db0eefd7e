"""Reads and writes templates for commands and the controller."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, select, update

from services.domain.ids import new_id
from services.domain.names import name_key
from services.rows.organizations import ReleaseRow
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

T = core.template.c


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
    connect_version: str
    experimental: bool
    icon_url: str | None
    port: int
    ready_path: str
    single_user: bool
    embeddable: bool
    prefix_capable: bool
    revision: int


RECORD = Record.of_table(TemplateState, core.template)
RELEASE_RECORD = Record.of_table(ReleaseRow, core.template)


async def find(reader: Reader, template_id: str) -> TemplateState | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(T.id == template_id))).one_or_none())


async def id_of(reader: Reader, workspace_id: str, name: str) -> str | None:
    """Returns the id of the workspace's template of that name; None if there is none."""
    return (await reader.execute(select(T.id).where(T.workspace_id == workspace_id, T.name_key == name_key(name)))).scalar_one_or_none()


async def of_workspace(reader: Reader, workspace_id: str) -> list[TemplateState]:
    """Returns the templates of a workspace by name."""
    return RECORD.rows(await reader.execute(select(*RECORD.columns).where(T.workspace_id == workspace_id).order_by(T.name_key)))


async def releases_of(reader: Reader, workspace_id: str) -> list[ReleaseRow]:
    """Returns what decides the statuses of the templates of a workspace."""
    return RELEASE_RECORD.rows(await reader.execute(select(*RELEASE_RECORD.columns).where(T.workspace_id == workspace_id)))


async def recipes_of(reader: Reader, workspace_id: str) -> list[str]:
    """Returns the names of the recipes from which images of the workspace's templates are built."""
    statement = select(T.recipe).where(T.workspace_id == workspace_id, T.recipe.is_not(None)).distinct()
    return list((await reader.execute(statement)).scalars())


async def name_taken(reader: Reader, template: TemplateState, key: str) -> bool:
    """Returns whether another template of the workspace has this name key."""
    clash = (T.workspace_id == template.workspace_id) & (T.name_key == key) & (T.id != template.id)
    return bool((await reader.execute(select(exists().where(clash)))).scalar_one())


async def insert_template(transaction: Transaction, workspace_id: str, name: str, values: dict[str, Any]) -> str:
    """Returns the id of the new row. `values` are the columns that the caller decides."""
    template_id = new_id()
    keys = {"id": template_id, "workspace_id": workspace_id, "name": name, "name_key": name_key(name)}
    await transaction.execute(insert(core.template).values(**keys, **values, created_at=transaction.now, revision=1, version=1))
    return template_id


async def change(transaction: Transaction, template_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.template).where(T.id == template_id).values(**values, version=T.version + 1))


async def remove(transaction: Transaction, template_id: str) -> None:
    await transaction.execute(delete(core.template).where(T.id == template_id))
