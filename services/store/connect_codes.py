"""Stores one-time connect codes: hashes, each bound to a user, a Studio, a session and an origin."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from services.domain.statuses import StudioStatus
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.db.record import Record, converted
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


def _is_address_known(upstream: Any) -> bool:
    return bool(json_value(upstream))


TARGET_RECORD = Record.of_table(
    Target,
    core.studio,
    status=converted(StudioStatus, S.status),
    reachable=converted(_is_address_known, core.session.c.upstream),
)
_TARGET = Query(
    select(*TARGET_RECORD.columns)
    .select_from(core.studio.outerjoin(core.session, (core.session.c.studio_id == S.id) & (core.session.c.number == S.session_number)))
    .where(S.id == bindparam("studio_id"))
)


async def target(reader: Reader, studio_id: str) -> Target | None:
    """Returns the Studio with its current session; None if there is no such Studio."""
    return TARGET_RECORD.optional(await reader.one(_TARGET, studio_id=studio_id))


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


CODE_RECORD = Record.of_table(CodeRow, core.connect_code)


async def add(transaction: Transaction, code_hash: str, row: CodeRow, lifetime: timedelta) -> datetime:
    """Inserts a code. Returns when it expires."""
    expires_at = transaction.now + lifetime
    await transaction.execute(insert(core.connect_code).values(hash=code_hash, **asdict(row), expires_at=expires_at))
    return expires_at


async def use(transaction: Transaction, code_hash: str, origin: str) -> CodeRow | None:
    """Marks a code as used and returns it. Returns None if there is no such code for `origin`, or it was used before, or it has expired."""
    statement = (
        update(core.connect_code)
        .where(C.hash == code_hash, C.origin == origin, C.used_at.is_(None), C.expires_at > transaction.now)
        .values(used_at=transaction.now)
        .returning(*CODE_RECORD.columns)
    )
    return CODE_RECORD.optional((await transaction.execute(statement)).one_or_none())
