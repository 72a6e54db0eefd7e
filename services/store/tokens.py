"""Stores access tokens: the hashes of their secrets, never the secrets themselves."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, or_, select, update

from services.domain.access import TokenScope, Viewer
from services.store.converters import scope_set
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.db.record import Record, converted, nullable
from services.store.db.types import utc_time
from services.store.tables import core

T = core.token.c
U = core.user.c


def is_valid_at(now: ColumnElement[Any] | datetime) -> ColumnElement[bool]:
    """The condition that the token is neither revoked nor expired at `now`."""
    return and_(T.revoked_at.is_(None), or_(T.expires_at.is_(None), T.expires_at > now))


VIEWER_RECORD = Record(
    Viewer,
    user_id=U.id,
    user_name=U.user_name,
    token_id=T.id,
    scopes=converted(scope_set, T.scopes),
    expires_at=nullable(utc_time, T.expires_at),
)
_BY_HASH = Query(
    select(*VIEWER_RECORD.columns, T.last_used_at)
    .select_from(core.token.join(core.user, U.id == T.user_id))
    .where(T.hash == bindparam("hash"), is_valid_at(bindparam("now")))
)


async def viewer_of(reader: Reader, token_hash: str, now: datetime) -> tuple[Viewer, datetime | None] | None:
    """Returns the viewer of a token that is valid at `now`, and when its use was last recorded; None for any other token."""
    row = await reader.one(_BY_HASH, hash=token_hash, now=now)
    if row is None:
        return None
    last_used_at = row[-1]
    return VIEWER_RECORD.row(row), None if last_used_at is None else utc_time(last_used_at)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A token to insert. `scopes` may have any order; they are stored in the order of `TokenScope`."""

    id: str
    user_id: str
    name: str
    scopes: Collection[TokenScope]
    hash: str
    hint: str
    expires_at: datetime | None


async def insert_token(transaction: Transaction, row: NewRow) -> None:
    scopes = [scope.value for scope in sorted(set(row.scopes), key=list(TokenScope).index)]
    await transaction.execute(insert(core.token).values(**{**asdict(row), "scopes": scopes}, created_at=transaction.now))


async def lock_owner(transaction: Transaction, user_id: str) -> bool:
    """Locks the user's row, so that nobody else counts or adds the user's tokens meanwhile. Returns False if there is no such user."""
    result = await transaction.execute(select(U.id).where(U.id == user_id).with_for_update(key_share=True))
    return result.one_or_none() is not None


async def count_active(transaction: Transaction, user_id: str) -> int:
    """Returns how many of the user's tokens are neither revoked nor expired."""
    statement = select(func.count()).select_from(core.token).where(T.user_id == user_id, is_valid_at(transaction.now))
    count: int = (await transaction.execute(statement)).scalar_one()
    return count


async def owner_of(reader: Reader, token_id: str) -> str | None:
    """Returns the id of the token's user; None if there is no such token."""
    return (await reader.execute(select(T.user_id).where(T.id == token_id))).scalar_one_or_none()


async def revoke(transaction: Transaction, token_id: str) -> bool:
    """Revokes the token. Returns False if it was revoked already."""
    statement = update(core.token).where(T.id == token_id, T.revoked_at.is_(None)).values(revoked_at=transaction.now)
    return (await transaction.execute(statement)).rowcount == 1


async def record_use(transaction: Transaction, token_id: str, unless_after: datetime) -> None:
    """Records that the token is in use now, unless a use was recorded after `unless_after`."""
    stale = or_(T.last_used_at.is_(None), T.last_used_at <= unless_after)
    await transaction.execute(update(core.token).where(T.id == token_id, stale).values(last_used_at=transaction.now))


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token as the operator's list shows it."""

    id: str
    name: str
    hint: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


LISTED_RECORD = Record.of_table(ListedToken, core.token)


async def of_user(reader: Reader, user_id: str) -> list[ListedToken]:
    """Returns the user's tokens, including revoked and expired ones, the oldest first."""
    statement = select(*LISTED_RECORD.columns).where(T.user_id == user_id).order_by(T.created_at, T.id)
    return LISTED_RECORD.rows(await reader.execute(statement))
