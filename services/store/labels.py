"""Stores the labels of Studios."""

from collections.abc import Collection

from sqlalchemy import delete, insert, literal, select

from services.domain.labels import Label
from services.store.db.database import Reader, Transaction
from services.store.tables import core

T = core.studio_label.c


async def of_studio(reader: Reader, studio_id: str) -> list[Label]:
    """Returns the labels of a Studio, sorted."""
    rows = await reader.execute(select(T.key, T.value).where(T.studio_id == studio_id))
    return sorted(Label(row.key, row.value) for row in rows)


async def replace(transaction: Transaction, studio_id: str, labels: Collection[Label]) -> None:
    """Gives the Studio these labels in place of those that it has."""
    await transaction.execute(delete(core.studio_label).where(T.studio_id == studio_id))
    rows = [{"studio_id": studio_id, "key": label.key, "value": label.value} for label in labels]
    if rows:
        await transaction.execute(insert(core.studio_label).values(rows))


async def copy(transaction: Transaction, source_id: str, studio_id: str) -> None:
    """Gives a new Studio the labels of the one that it was made from."""
    copied = select(literal(studio_id), T.key, T.value).where(T.studio_id == source_id)
    await transaction.execute(insert(core.studio_label).from_select(["studio_id", "key", "value"], copied))
