"""Browsers that are signed in on the API's origin, as they are stored: hashes of their cookies, bound to a token."""

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select, update

from services.domain.access import TokenScope, Viewer
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.db.types import json_value, utc_time
from services.store.tables import core

L = core.login.c
T = core.token.c
U = core.user.c

_BY_HASH = Query(
    select(L.id, U.id, U.user_name, T.id, T.scopes, T.expires_at)
    .select_from(core.login.join(core.token, T.id == L.token_id).join(core.user, U.id == T.user_id))
    .where(
        L.hash == bindparam("hash"),
        L.expires_at > bindparam("now"),
        T.revoked_at.is_(None),
        or_(T.expires_at.is_(None), T.expires_at > bindparam("now")),
    )
)


async def find(reader: Reader, cookie_hash: str, now: datetime) -> tuple[str, Viewer] | None:
    """The login's id and whom it stands for; None once it, or its token, has ended."""
    row = await reader.one(_BY_HASH, hash=cookie_hash, now=now)
    if row is None:
        return None
    scopes = frozenset(TokenScope(scope) for scope in json_value(row[4]))
    return row[0], Viewer(row[1], row[2], row[3], scopes, utc_time(row[5]))


async def add(transaction: Transaction, login_id: str, cookie_hash: str, token_id: str, expires_at: datetime) -> None:
    values = {"id": login_id, "hash": cookie_hash, "token_id": token_id, "created_at": transaction.now, "expires_at": expires_at}
    await transaction.execute(insert(core.login).values(**values))


async def renew(transaction: Transaction, former_hash: str, cookie_hash: str, token_id: str, expires_at: datetime) -> bool:
    """Give the login of that token another cookie and end; False if there is none."""
    of_token = (L.hash == former_hash) & (L.token_id == token_id)
    found = await transaction.execute(update(core.login).where(of_token).values(hash=cookie_hash, expires_at=expires_at).returning(L.id))
    return found.scalar_one_or_none() is not None


async def remove(transaction: Transaction, cookie_hash: str) -> str | None:
    """End the login; returns its id if there was one."""
    found = await transaction.execute(delete(core.login).where(L.hash == cookie_hash).returning(L.id))
    return found.scalar_one_or_none()
