"""Many tokens and many memberships at once, for who watches over open streams and sessions."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, or_, select

from services.domain.access import Role
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.tables import core

T = core.token.c
M = core.membership.c

Place = tuple[str, str]
"""(workspace id, user id)"""

_VALID = Query(
    select(T.id).where(
        is_one_of(T.id, "token_ids"),
        T.revoked_at.is_(None),
        or_(T.expires_at.is_(None), T.expires_at > bindparam("now")),
    )
)
_ROLES = Query(
    select(M.workspace_id, M.user_id, M.role).where(is_one_of(M.workspace_id, "workspace_ids"), is_one_of(M.user_id, "user_ids"))
)


async def valid_tokens(reader: Reader, token_ids: Collection[str], now: datetime) -> set[str]:
    """Those of the tokens that are neither revoked nor expired at `now`."""
    rows = await reader.all(_VALID, token_ids=sorted(token_ids), now=now)
    return {row[0] for row in rows}


async def roles(reader: Reader, places: Collection[Place]) -> dict[Place, Role]:
    """The roles of users in workspaces; without a membership there is no entry. May hold more than was asked for."""
    workspace_ids, user_ids = {place[0] for place in places}, {place[1] for place in places}
    rows = await reader.all(_ROLES, workspace_ids=sorted(workspace_ids), user_ids=sorted(user_ids))
    return {(row[0], row[1]): Role(row[2]) for row in rows}
