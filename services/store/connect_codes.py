"""Stores one-time connect codes: hashes, each bound to a user, a Studio, a session and an origin."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, select, update

from services.domain.statuses import StudioStatus
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.db.types import json_value
from services.store.tables import core

C = core.connect_code.c
S = core.studio.c


@dataclass(frozen=True, slots=True)
class Target:
    """A Studio for which a code is requested. `reachable` is true once the address of its session is known."""

    id: str
    public_id: str
    workspace_id: str
    status: StudioStatus
    session_number: int
    reachable: bool


_TARGET = Query(
    select(S.id, S.public_id, S.workspace_id, S.status, S.session_number, core.session.c.upstream)
    .select_from(core.studio.outerjoin(core.session, (core.session.c.studio_id == S.id) & (core.session.c.number == S.session_number)))
    .where(S.id == bindparam("studio_id"))
)


async def target(reader: Reader, studio_id: str) -> Target | None:
    """Returns the Studio with its current session; None if there is no such Studio."""
    row = await reader.one(_TARGET, studio_id=studio_id)
    if row is None:
        return None
    return Target(row[0], row[1], row[2], StudioStatus(row[3]), row[4], bool(json_value(row[5])))


@dataclass(frozen=True, slots=True)
class CodeRow:
    """What a code is bound to. `login_id` is None for a code that was issued to a program instead of a browser."""

    user_id: str
    token_id: str
    login_id: str | None
    studio_id: str
    session_number: int
    origin: str
    path: str


async def add(transaction: Transaction, code_hash: str, row: CodeRow, lifetime: timedelta) -> datetime:
    """Inserts a code. Returns when it expires."""
    expires_at = transaction.now + lifetime
    await transaction.execute(insert(core.connect_code).values(hash=code_hash, **asdict(row), expires_at=expires_at))
    return expires_at


async def use(transaction: Transaction, code_hash: str, origin: str) -> CodeRow | None:
    """Marks a code as used and returns it. Returns None if there is no such code for `origin`, or it was used before, or it has expired."""
    columns = (C.user_id, C.token_id, C.login_id, C.studio_id, C.session_number, C.origin, C.path)
    statement = (
        update(core.connect_code)
        .where(C.hash == code_hash, C.origin == origin, C.used_at.is_(None), C.expires_at > transaction.now)
        .values(used_at=transaction.now)
        .returning(*columns)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return CodeRow(**row._mapping) if row else None
