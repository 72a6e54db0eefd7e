"""Stores the logins of browsers on the API's origin: hashes of their cookies, each bound to an access token."""

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from services.domain.access import Viewer
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.tables import core
from services.store.tokens import VIEWER_RECORD, is_valid_at

L = core.login.c
T = core.token.c
U = core.user.c

_BY_HASH = Query(
    select(*VIEWER_RECORD.columns, L.id)
    .select_from(core.login.join(core.token, T.id == L.token_id).join(core.user, U.id == T.user_id))
    .where(
        L.hash == bindparam("hash"),
        L.expires_at > bindparam("now"),
        is_valid_at(bindparam("now")),
    )
)


async def find(reader: Reader, cookie_hash: str, now: datetime) -> tuple[str, Viewer] | None:
    """Returns the login's id and its viewer; None if the login or its token has ended."""
    row = await reader.one(_BY_HASH, hash=cookie_hash, now=now)
    return None if row is None else (row[-1], VIEWER_RECORD.row(row))


async def add(transaction: Transaction, login_id: str, cookie_hash: str, token_id: str, expires_at: datetime) -> None:
    """Inserts a login."""
    values = {"id": login_id, "hash": cookie_hash, "token_id": token_id, "created_at": transaction.now, "expires_at": expires_at}
    await transaction.execute(insert(core.login).values(**values))


async def renew(transaction: Transaction, former_hash: str, cookie_hash: str, token_id: str, expires_at: datetime) -> bool:
    """Gives the login of that token another cookie and another expiry. Returns False if there is no such login."""
    of_token = (L.hash == former_hash) & (L.token_id == token_id)
    statement = update(core.login).where(of_token).values(hash=cookie_hash, expires_at=expires_at).returning(L.id)
    return (await transaction.execute(statement)).scalar_one_or_none() is not None


async def remove(transaction: Transaction, cookie_hash: str) -> str | None:
    """Deletes the login. Returns its id, or None if there was none."""
    result = await transaction.execute(delete(core.login).where(L.hash == cookie_hash).returning(L.id))
    return result.scalar_one_or_none()
