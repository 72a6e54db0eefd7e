"""Stores the memberships of users in workspaces, with their roles."""

from sqlalchemy import delete, func, insert, select, update

from services.domain.access import Permission, Role, roles_with
from services.domain.compute_kinds import KINDS
from services.store.db.database import Reader, Transaction
from services.store.tables import core

M = core.membership.c
U = core.user.c
CE = core.compute_environment.c


async def role_in(reader: Reader, workspace_id: str, user_id: str) -> Role | None:
    """Returns the user's current role in the workspace; None for a user who is not a member."""
    where = (M.workspace_id == workspace_id) & (M.user_id == user_id)
    role = (await reader.execute(select(M.role).where(where))).scalar_one_or_none()
    return None if role is None else Role(role)


async def least_role(reader: Reader, user_id: str) -> Role | None:
    """Returns the least role that the user has in any workspace of the installation; None unless they are a member of all."""
    workspace, mine = core.workspace.c, (M.workspace_id == core.workspace.c.id) & (M.user_id == user_id)
    columns = func.min(M.role).label("role"), func.count(workspace.id).label("workspaces"), func.count(M.role).label("memberships")
    row = (await reader.execute(select(*columns).select_from(core.workspace.outerjoin(core.membership, mine)))).one()
    return Role(row.role) if row.workspaces and row.memberships == row.workspaces else None


async def insert_member(transaction: Transaction, workspace_id: str, user_id: str, role: Role) -> None:
    values = {"workspace_id": workspace_id, "user_id": user_id, "role": role.value, "created_at": transaction.now, "version": 1}
    await transaction.execute(insert(core.membership).values(**values))


async def set_role(transaction: Transaction, workspace_id: str, user_id: str, role: Role) -> None:
    where = (M.workspace_id == workspace_id) & (M.user_id == user_id)
    await transaction.execute(update(core.membership).where(where).values(role=role.value, version=M.version + 1))


async def delete_member(transaction: Transaction, workspace_id: str, user_id: str) -> None:
    await transaction.execute(delete(core.membership).where(M.workspace_id == workspace_id, M.user_id == user_id))


async def count_owners(reader: Reader, workspace_id: str) -> int:
    """Returns how many OWNERs the workspace has. Under the lock of its stream the number holds until the commit."""
    where = (M.workspace_id == workspace_id) & (M.role == Role.OWNER.value)
    count: int = (await reader.execute(select(func.count()).select_from(core.membership).where(where))).scalar_one()
    return count


async def administrators(reader: Reader, workspace_id: str, limit: int) -> list[str]:
    """Returns the user names of at most `limit` members who may change the settings, the greatest roles first."""
    roles = [role.value for role in roles_with(Permission.WORKSPACE_EDIT)]
    statement = select(U.user_name).join(core.membership, M.user_id == U.id).where(M.workspace_id == workspace_id, M.role.in_(roles))
    return list((await reader.execute(statement.order_by(M.role.desc(), U.user_name).limit(limit))).scalars())


async def is_single_user(reader: Reader) -> bool:
    """Returns whether a compute environment is enabled whose sessions run as the server's own user (ADR 0005)."""
    kinds = [kind.value for kind, spec in KINDS.items() if spec.runs_as_server_user]
    statement = select(CE.id).where(CE.kind.in_(kinds), CE.enabled.is_(True)).limit(1)
    return (await reader.execute(statement)).one_or_none() is not None
