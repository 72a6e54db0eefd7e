"""Stores users, organizations and workspaces."""

from typing import Any

from sqlalchemy import exists, insert, select

from services.store.db.database import Reader, Transaction
from services.store.tables import core

U = core.user.c
ORG = core.organization.c
W = core.workspace.c


async def user_id_of(reader: Reader, user_name: str) -> str | None:
    """Returns the id of the user with that user name, or None."""
    return (await reader.execute(select(U.id).where(U.user_name == user_name))).scalar_one_or_none()


async def user_name_of(reader: Reader, user_id: str) -> str | None:
    return (await reader.execute(select(U.user_name).where(U.id == user_id))).scalar_one_or_none()


async def any_user(reader: Reader) -> bool:
    return (await reader.execute(select(U.id).limit(1))).one_or_none() is not None


async def several_users(reader: Reader) -> bool:
    return len((await reader.execute(select(U.id).limit(2))).all()) > 1


async def insert_user(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.user).values(**values, created_at=transaction.now, version=1))


async def organization_id_of(reader: Reader, slug: str) -> str | None:
    return (await reader.execute(select(ORG.id).where(ORG.slug == slug))).scalar_one_or_none()


async def organization_exists(reader: Reader, organization_id: str) -> bool:
    return bool((await reader.execute(select(exists().where(ORG.id == organization_id)))).scalar_one())


async def insert_organization(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.organization).values(**values, created_at=transaction.now, version=1))


async def workspace_id_of(reader: Reader, slug: str) -> str | None:
    return (await reader.execute(select(W.id).where(W.slug == slug))).scalar_one_or_none()


async def workspace_name_taken(reader: Reader, organization_id: str, name_key: str) -> bool:
    taken = exists().where(W.organization_id == organization_id, W.name_key == name_key)
    return bool((await reader.execute(select(taken))).scalar_one())


async def insert_workspace(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.workspace).values(**values, created_at=transaction.now, version=1))
