"""Reads the state of many tokens and memberships at once, for what watches over open streams."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select

from services.domain.access import Role
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.tables import core
from services.store.tokens import is_valid_at

T = core.token.c
M = core.membership.c

MembershipKey = tuple[str, str]
"""(workspace id, user id)"""

_VALID_TOKENS = Query(select(T.id).where(is_one_of(T.id, "token_ids"), is_valid_at(bindparam("now"))))
_ROLES = Query(
    select(M.workspace_id, M.user_id, M.role).where(is_one_of(M.workspace_id, "workspace_ids"), is_one_of(M.user_id, "user_ids"))
)


async def valid_tokens(reader: Reader, token_ids: Collection[str], now: datetime) -> set[str]:
    """Returns the ids of those tokens that are neither revoked nor expired at `now`."""
    rows = await reader.all(_VALID_TOKENS, token_ids=sorted(token_ids), now=now)
    return {row[0] for row in rows}


async def roles(reader: Reader, keys: Collection[MembershipKey]) -> dict[MembershipKey, Role]:
    """Returns the role of each membership of `keys` that exists. The result may contain further memberships of the same users."""
    workspace_ids = sorted({workspace_id for workspace_id, _ in keys})
    user_ids = sorted({user_id for _, user_id in keys})
    rows = await reader.all(_ROLES, workspace_ids=workspace_ids, user_ids=user_ids)
    return {(workspace_id, user_id): Role(role) for workspace_id, user_id, role in rows}
