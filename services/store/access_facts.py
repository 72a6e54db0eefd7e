"""Reads, in one statement, all that decides whether the holder of a session's cookie may use the session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, bindparam, select

from services.domain.access import AccessFacts, Role, TokenScope
from services.domain.actor import Actor
from services.domain.event_payloads import ConnectionFailed
from services.domain.events import Kind
from services.domain.statuses import ConnectionErrorCode, StudioStatus
from services.store.db.database import Reader
from services.store.db.query import Query
from services.store.db.types import json_value, utc_time
from services.store.tables import core

S = core.studio.c
T = core.token.c
U = core.user.c
E = core.event.c
OWNER = core.user.alias("owner")


@dataclass(frozen=True, slots=True)
class Facts:
    """A Studio, its current session, and a user with one of their tokens, as they are stored at one moment.

    `access.role` is None for a user who is not a member. `login_ended` is true if the browser has signed out since it got the cookie.
    """

    studio_id: str
    public_id: str
    studio_name: str
    workspace_id: str
    owner_name: str
    status: StudioStatus
    status_message: str | None
    session_number: int
    upstream: Mapping[str, Any] | None
    embeddable: bool
    user_id: str
    user_name: str
    display_name: str
    token_id: str
    access: AccessFacts
    expires_at: datetime | None
    revoked: bool
    login_ended: bool


_FACTS = Query(
    select(
        S.id,
        S.public_id,
        S.name,
        S.workspace_id,
        OWNER.c.display_name,
        S.status,
        S.status_message,
        S.session_number,
        core.session.c.upstream,
        core.template.c.embeddable,
        U.id,
        U.user_name,
        U.display_name,
        core.membership.c.role,
        T.id,
        T.scopes,
        T.expires_at,
        T.revoked_at,
        core.login.c.id,
    )
    .select_from(
        core.studio.join(OWNER, OWNER.c.id == S.owner_id)
        .join(core.template, core.template.c.id == S.template_id)
        .join(core.token, T.id == bindparam("token_id"))
        .join(core.user, U.id == T.user_id)
        .outerjoin(core.session, and_(core.session.c.studio_id == S.id, core.session.c.number == S.session_number))
        .outerjoin(core.membership, and_(core.membership.c.workspace_id == S.workspace_id, core.membership.c.user_id == U.id))
        .outerjoin(core.login, and_(core.login.c.id == bindparam("login_id", type_=String), core.login.c.token_id == T.id))
    )
    .where(S.public_id == bindparam("public_id"), U.id == bindparam("user_id"))
)


async def facts(reader: Reader, public_id: str, user_id: str, token_id: str, login_id: str | None) -> Facts | None:
    """Returns the facts; None if there is no such Studio, or no such token of that user."""
    row = await reader.one(_FACTS, public_id=public_id, user_id=user_id, token_id=token_id, login_id=login_id)
    if row is None:
        return None
    return Facts(
        studio_id=row[0],
        public_id=row[1],
        studio_name=row[2],
        workspace_id=row[3],
        owner_name=row[4],
        status=StudioStatus(row[5]),
        status_message=row[6],
        session_number=row[7],
        upstream=json_value(row[8]),
        embeddable=bool(row[9]),
        user_id=row[10],
        user_name=row[11],
        display_name=row[12],
        token_id=row[14],
        access=AccessFacts(
            role=None if row[13] is None else Role(row[13]),
            scopes=frozenset(TokenScope(scope) for scope in json_value(row[15])),
        ),
        expires_at=utc_time(row[16]),
        revoked=row[17] is not None,
        login_ended=login_id is not None and row[18] is None,
    )


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The end of a session, as its connection error tells it. `retryable` says whether a new session may come."""

    code: ConnectionErrorCode
    reason: str
    actor: Actor
    at: datetime
    retryable: bool


_SESSION_ENDS = Query(
    select(E.payload, E.actor, E.at)
    .where(
        E.stream_id == bindparam("workspace_id"),
        E.studio_id == bindparam("studio_id"),
        E.kind == Kind.CONNECTION_ERROR.value,
        E.user_id.is_(None),
    )
    .order_by(E.seq.desc())
    .limit(10)
)


async def last_session_end(reader: Reader, workspace_id: str, studio_id: str, session_number: int) -> SessionEnd | None:
    """Returns the newest connection error that ended this session for all its users; None if none of the last 10 is one."""
    for payload, actor, at in await reader.all(_SESSION_ENDS, workspace_id=workspace_id, studio_id=studio_id):
        error = ConnectionFailed.from_json(json_value(payload))
        if error.session_number == session_number and error.code is not ConnectionErrorCode.TOOL_UNREACHABLE:
            ended_at = utc_time(at)
            assert ended_at is not None
            return SessionEnd(error.code, error.reason, Actor.from_json(json_value(actor)), ended_at, error.retryable)
    return None
