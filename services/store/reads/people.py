"""Users, what they belong to, and the tokens they hold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, or_, select

from services.domain.access import Role, TokenScope
from services.rows.organizations import MemberRow
from services.rows.people import TokenRow, UserRow
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant, json_value, utc_time
from services.store.reads.listing import Listing, Window
from services.store.tables import core

U = core.user.c
M = core.membership.c
T = core.token.c
THEIRS = core.membership.alias("theirs")

_USERS = select(U.id, U.user_name, U.display_name, U.email, U.avatar_url, U.created_at, U.version)
_SHARED = exists().where(and_(THEIRS.c.user_id == U.id, visible_to(THEIRS.c.workspace_id)))
USERS = Query(_USERS.where(is_one_of(U.id, "ids")))
VISIBLE_USERS = Query(_USERS.where(is_one_of(U.id, "ids"), or_(U.id == bindparam("viewer_id"), _SHARED)))
TOKENS = Query(
    select(T.id, T.name, T.scopes, T.hint, T.created_at, T.expires_at, T.revoked_at, T.last_used_at)
    .where(T.user_id == bindparam("viewer_id"))
    .order_by(T.created_at.desc(), T.id.desc())
)

MEMBER_COLUMNS = (THEIRS.c.workspace_id, THEIRS.c.user_id, U.user_name, THEIRS.c.role, THEIRS.c.created_at, THEIRS.c.version)


def _members(*columns: Any) -> Select[Any]:
    visible = visible_to(THEIRS.c.workspace_id)
    return select(*columns).select_from(THEIRS).join(core.user, U.id == THEIRS.c.user_id).where(visible)


MEMBERS = Listing(_members, MEMBER_COLUMNS, THEIRS.c.workspace_id, U.user_name, THEIRS.c.user_id)
MEMBERSHIPS = Query(
    _members(*MEMBER_COLUMNS).where(is_one_of(THEIRS.c.user_id, "ids")).order_by(THEIRS.c.created_at, THEIRS.c.workspace_id)
)
MEMBERSHIP = Query(
    _members(*MEMBER_COLUMNS).where(THEIRS.c.workspace_id == bindparam("workspace_id"), THEIRS.c.user_id == bindparam("user_id"))
)


def _user(raw: Row) -> UserRow:
    return UserRow(raw[0], raw[1], raw[2], raw[3], raw[4], instant(raw[5]), raw[6])


def _member(raw: Row) -> MemberRow:
    return MemberRow(raw[0], raw[1], raw[2], Role(raw[3]), instant(raw[4]), raw[5])


def _token(raw: Row) -> TokenRow:
    scopes = [TokenScope(scope) for scope in json_value(raw[2])]
    return TokenRow(raw[0], raw[1], scopes, raw[3], instant(raw[4]), *(utc_time(value) for value in raw[5:8]))


async def users(reader: Reader, _viewer_id: str, ids: Sequence[str]) -> dict[str, UserRow]:
    """Users by id, whoever asks: for what a visible thing refers to, such as the owner who left the workspace."""
    return {raw[0]: _user(raw) for raw in await reader.all(USERS, ids=ids)}


async def visible_users(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, UserRow]:
    """Those of the users that the viewer shares a workspace with, and the viewer, by id (B92)."""
    return {raw[0]: _user(raw) for raw in await reader.all(VISIBLE_USERS, viewer_id=viewer_id, ids=ids)}


async def tokens(reader: Reader, viewer_id: str) -> list[TokenRow]:
    """The viewer's own, the newest first."""
    return [_token(raw) for raw in await reader.all(TOKENS, viewer_id=viewer_id)]


async def memberships(reader: Reader, viewer_id: str, user_ids: Sequence[str]) -> dict[str, list[MemberRow]]:
    """The memberships of each user, in workspaces that the viewer is in too; the oldest first."""
    found: dict[str, list[MemberRow]] = {}
    for raw in await reader.all(MEMBERSHIPS, viewer_id=viewer_id, ids=user_ids):
        found.setdefault(raw[1], []).append(_member(raw))
    return found


async def member(reader: Reader, viewer_id: str, workspace_id: str, user_id: str) -> MemberRow | None:
    """One membership, if the viewer may see it."""
    raw = await reader.one(MEMBERSHIP, viewer_id=viewer_id, workspace_id=workspace_id, user_id=user_id)
    return _member(raw) if raw else None


async def member_pages(reader: Reader, viewer_id: str, workspace_ids: Sequence[str], window: Window) -> dict[str, list[MemberRow]]:
    """The members of each workspace, by user name."""
    found = await MEMBERS.pages(reader, viewer_id, workspace_ids, window, {})
    return {parent: [_member(raw) for raw in rows] for parent, rows in found.items()}


async def member_count(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, int]:
    """How many members each workspace has."""
    return await MEMBERS.count(reader, viewer_id, workspace_ids, {})
