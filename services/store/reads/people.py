"""Reads of users, their memberships and their tokens."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, or_, select

from services.domain.access import Role
from services.rows.organizations import MemberRow
from services.rows.people import TokenRow, UserRow
from services.store.access import visible_to
from services.store.converters import scope_list
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import utc_time
from services.store.reads.listing import Listing, Window
from services.store.tables import core

U = core.user.c
T = core.token.c
MEMBERSHIP_TABLE = core.membership.alias("listed_membership")
"""Another name than that of the viewer's own membership, by which it is visible."""
M = MEMBERSHIP_TABLE.c

USER_RECORD = Record.of_table(UserRow, core.user, created_at=converted(utc_time, U.created_at))
_USERS = select(*USER_RECORD.columns)
_SHARED = exists().where(and_(M.user_id == U.id, visible_to(M.workspace_id)))
USERS = Query(_USERS.where(is_one_of(U.id, "ids")))
VISIBLE_USERS = Query(_USERS.where(is_one_of(U.id, "ids"), or_(U.id == bindparam("viewer_id"), _SHARED)))
TOKEN_RECORD = Record(
    TokenRow,
    id=T.id,
    name=T.name,
    scopes=converted(scope_list, T.scopes),
    hint=T.hint,
    created_at=converted(utc_time, T.created_at),
    expires_at=nullable(utc_time, T.expires_at),
    revoked_at=nullable(utc_time, T.revoked_at),
    last_used_at=nullable(utc_time, T.last_used_at),
)
TOKENS = Query(select(*TOKEN_RECORD.columns).where(T.user_id == bindparam("viewer_id")).order_by(T.created_at.desc(), T.id.desc()))

MEMBER_RECORD = Record(
    MemberRow,
    workspace_id=M.workspace_id,
    user_id=M.user_id,
    user_name=U.user_name,
    role=converted(Role, M.role),
    created_at=converted(utc_time, M.created_at),
    version=M.version,
)


def _members(*columns: Any) -> Select[Any]:
    visible = visible_to(M.workspace_id)
    return select(*columns).select_from(MEMBERSHIP_TABLE).join(core.user, U.id == M.user_id).where(visible)


MEMBERS = Listing(_members, MEMBER_RECORD, M.workspace_id, U.user_name, M.user_id)
MEMBERSHIPS = Query(_members(*MEMBER_RECORD.columns).where(is_one_of(M.user_id, "ids")).order_by(M.created_at, M.workspace_id))
MEMBERSHIP = Query(_members(*MEMBER_RECORD.columns).where(M.workspace_id == bindparam("workspace_id"), M.user_id == bindparam("user_id")))


async def users(reader: Reader, _viewer_id: str, ids: Sequence[str]) -> dict[str, UserRow]:
    """Returns users by id, whoever asks: for references of visible rows, such as an owner who has left the workspace."""
    return USER_RECORD.keyed(await reader.all(USERS, ids=ids), U.id)


async def visible_users(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, UserRow]:
    """Returns those of the users that are the viewer or share a workspace with the viewer, by id (B92)."""
    return USER_RECORD.keyed(await reader.all(VISIBLE_USERS, viewer_id=viewer_id, ids=ids), U.id)


async def tokens(reader: Reader, viewer_id: str) -> list[TokenRow]:
    """Returns the viewer's own tokens, the newest first."""
    return TOKEN_RECORD.rows(await reader.all(TOKENS, viewer_id=viewer_id))


async def memberships(reader: Reader, viewer_id: str, user_ids: Sequence[str]) -> dict[str, list[MemberRow]]:
    """Returns the memberships of each user in workspaces that the viewer is a member of too, the oldest first."""
    return MEMBER_RECORD.grouped(await reader.all(MEMBERSHIPS, viewer_id=viewer_id, ids=user_ids), M.user_id)


async def member(reader: Reader, viewer_id: str, workspace_id: str, user_id: str) -> MemberRow | None:
    """Returns one membership; None if there is none that the viewer may see."""
    return MEMBER_RECORD.optional(await reader.one(MEMBERSHIP, viewer_id=viewer_id, workspace_id=workspace_id, user_id=user_id))


async def member_pages(reader: Reader, viewer_id: str, workspace_ids: Sequence[str], window: Window) -> dict[str, list[MemberRow]]:
    """Returns the members of each workspace, by user name."""
    return await MEMBERS.pages(reader, viewer_id, workspace_ids, window, {})


async def member_count(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, int]:
    """Returns the number of members of each workspace that the viewer sees."""
    return await MEMBERS.count(reader, viewer_id, workspace_ids, {})
