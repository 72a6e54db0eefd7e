"""Reads, changes and removes users and workspaces for the operator."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from services.domain.access import Role
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

U = core.user.c
W = core.workspace.c
M = core.membership.c
ORG = core.organization.c


@dataclass(frozen=True, slots=True)
class UserState:
    """A user, as the operator sees them."""

    id: str
    user_name: str
    display_name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class WorkspaceState:
    """A workspace, as the operator sees it; `organization` is the slug of its organization."""

    id: str
    slug: str
    name: str
    name_key: str
    organization_id: str
    organization: str
    max_sessions: int | None
    max_cpu: float | None
    max_memory_mib: int | None
    max_gpu: int | None


@dataclass(frozen=True, slots=True)
class OrganizationState:
    """An organization, as the operator sees it. A limit of None is none."""

    id: str
    slug: str
    name: str
    max_sessions: int | None
    max_cpu: float | None
    max_memory_mib: int | None
    max_gpu: int | None


USER_RECORD = Record.of_table(UserState, core.user)
WORKSPACE_RECORD = Record.of_table(WorkspaceState, core.workspace, organization=core.organization.c.slug)
ORGANIZATION_RECORD = Record.of_table(OrganizationState, core.organization)
_WORKSPACES = select(*WORKSPACE_RECORD.columns).join(core.organization, core.organization.c.id == W.organization_id)


async def users(reader: Reader) -> list[UserState]:
    return USER_RECORD.rows(await reader.execute(select(*USER_RECORD.columns).order_by(U.user_name)))


async def find_user(reader: Reader, user_name: str) -> UserState | None:
    return USER_RECORD.optional((await reader.execute(select(*USER_RECORD.columns).where(U.user_name == user_name))).one_or_none())


async def roles_of_user(reader: Reader, user_id: str) -> list[tuple[str, Role]]:
    """Returns the slug of each workspace that the user is a member of, with the role there."""
    statement = select(W.slug, M.role).join(core.membership, M.workspace_id == W.id).where(M.user_id == user_id).order_by(W.slug)
    return [(row.slug, Role(row.role)) for row in (await reader.execute(statement)).all()]


async def workspace_ids_of(reader: Reader, user_id: str) -> list[str]:
    """Returns the ids of the user's workspaces, sorted: the order in which their streams are locked."""
    return list((await reader.execute(select(M.workspace_id).where(M.user_id == user_id).order_by(M.workspace_id))).scalars())


async def change_user(transaction: Transaction, user_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.user).where(U.id == user_id).values(**values, version=U.version + 1))


async def remove_user(transaction: Transaction, user_id: str) -> None:
    """Deletes the row and those that belong to the user alone."""
    own_tokens = select(core.token.c.id).where(core.token.c.user_id == user_id)
    await transaction.execute(delete(core.login).where(core.login.c.token_id.in_(own_tokens)))
    for table in (core.connect_code, core.connection, core.token, core.star, core.membership, core.idempotency_key):
        await transaction.execute(delete(table).where(table.c.user_id == user_id))
    await transaction.execute(delete(core.user).where(U.id == user_id))


async def organizations(reader: Reader) -> list[OrganizationState]:
    return ORGANIZATION_RECORD.rows(await reader.execute(select(*ORGANIZATION_RECORD.columns).order_by(ORG.slug)))


async def find_organization(reader: Reader, slug: str) -> OrganizationState | None:
    return ORGANIZATION_RECORD.optional((await reader.execute(select(*ORGANIZATION_RECORD.columns).where(ORG.slug == slug))).one_or_none())


async def change_organization(transaction: Transaction, organization_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.organization).where(ORG.id == organization_id).values(**values, version=ORG.version + 1))


async def workspaces(reader: Reader) -> list[WorkspaceState]:
    return WORKSPACE_RECORD.rows(await reader.execute(_WORKSPACES.order_by(W.slug)))


async def find_workspace(reader: Reader, slug: str) -> WorkspaceState | None:
    return WORKSPACE_RECORD.optional((await reader.execute(_WORKSPACES.where(W.slug == slug))).one_or_none())


async def members_of(reader: Reader, workspace_id: str) -> list[tuple[str, str, Role]]:
    """Returns the id, name and role of each member, by name."""
    statement = (
        select(U.id, U.user_name, M.role)
        .join(core.membership, M.user_id == U.id)
        .where(M.workspace_id == workspace_id)
        .order_by(U.user_name)
    )
    return [(row.id, row.user_name, Role(row.role)) for row in (await reader.execute(statement)).all()]


async def change_workspace(transaction: Transaction, workspace_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.workspace).where(W.id == workspace_id).values(**values, version=W.version + 1))


async def remove_workspace(transaction: Transaction, workspace_id: str) -> None:
    """Deletes the row and those that belong to it. Its stream stays, since subscribers may still read its last events."""
    for table in (core.migration_attempt, core.template, core.checkpoint, core.operation, core.membership):
        await transaction.execute(delete(table).where(table.c.workspace_id == workspace_id))
    await transaction.execute(delete(core.workspace).where(W.id == workspace_id))
