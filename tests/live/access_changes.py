"""Roles and tokens that change in the database, with the event that says so or without it."""

from sqlalchemy import delete, update

from services.domain.access import Role
from services.domain.events import INSTALLATION_STREAM, Kind
from services.store.db.database import Database
from services.store.tables import core
from tests.live.conftest import append


async def set_role(database: Database, workspace_id: str, user_id: str, role: Role | None, *, silently: bool = False) -> None:
    """As the members' service does; `silently` without an event."""
    member = core.membership
    where = (member.c.workspace_id == workspace_id) & (member.c.user_id == user_id)
    async with database.write() as transaction:
        await transaction.execute(delete(member).where(where) if role is None else update(member).where(where).values(role=int(role)))
    if not silently:
        payload = {"workspace_id": workspace_id, "user_id": user_id, "role": role and role.name}
        for stream_id in (workspace_id, INSTALLATION_STREAM):
            await append(database, stream_id, Kind.MEMBER_CHANGED, studio_id=None, **payload)


async def revoke(database: Database, token_id: str, *, silently: bool = False) -> None:
    async with database.write() as transaction:
        await transaction.execute(update(core.token).where(core.token.c.id == token_id).values(revoked_at=transaction.now))
    if not silently:
        await append(database, INSTALLATION_STREAM, Kind.TOKEN_REVOKED, studio_id=None, token_id=token_id)
