"""Templates and compute environments as the operator adds them."""

from typing import Any

from sqlalchemy import insert, select, update

from services.domain.ids import new_id
from services.domain.names import name_key
from services.store.db.database import Reader, Transaction
from services.store.tables import core

P = core.template.c
E = core.compute_environment.c


async def template_id_of(reader: Reader, workspace_id: str, name: str) -> str | None:
    return (await reader.execute(select(P.id).where(P.workspace_id == workspace_id, P.name_key == name_key(name)))).scalar_one_or_none()


async def insert_template(transaction: Transaction, workspace_id: str, name: str, values: dict[str, Any]) -> str:
    return await _insert(transaction, core.template, workspace_id, name, values)


async def change_image(transaction: Transaction, template_id: str, recipe: str, image: str) -> None:
    """What a template of this recipe runs; nothing where it is that already."""
    other = (P.id == template_id) & (P.recipe == recipe) & (P.image != image)
    await transaction.execute(update(core.template).where(other).values(image=image, version=P.version + 1))


async def environment_id_of(reader: Reader, workspace_id: str, name: str) -> str | None:
    return (await reader.execute(select(E.id).where(E.workspace_id == workspace_id, E.name_key == name_key(name)))).scalar_one_or_none()


async def insert_environment(transaction: Transaction, workspace_id: str, name: str, values: dict[str, Any]) -> str:
    return await _insert(transaction, core.compute_environment, workspace_id, name, values)


async def _insert(transaction: Transaction, table: Any, workspace_id: str, name: str, values: dict[str, Any]) -> str:
    row = {"id": new_id(), "workspace_id": workspace_id, "name": name, "name_key": name_key(name), "created_at": transaction.now, **values}
    await transaction.execute(insert(table).values(**row, version=1))
    return str(row["id"])
