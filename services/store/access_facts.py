"""Reads, in one statement, all that decides whether the holder of a session's cookie may use the session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, String, and_, bindparam, select, text

from services.domain.access import AccessFacts, Role
from services.domain.actor import Actor
from services.domain.event_payloads import ConnectionFailed
from services.domain.statuses import ConnectionErrorCode, StudioStatus
from services.store.converters import actor, is_set, scope_set
from services.store.db.database import Reader
from services.store.db.query import Query
from services.store.db.record import Record, converted, nullable
from services.store.db.types import json_value, utc_time
from services.store.tables import core
from services.store.tables.events import SESSION_END

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


_LOGIN_ID: BindParameter[str] = bindparam("login_id", type_=String)
FACTS_RECORD = Record(
    Facts,
    studio_id=S.id,
    public_id=S.public_id,
    studio_name=S.name,
    workspace_id=S.workspace_id,
    owner_name=OWNER.c.display_name,
    status=converted(StudioStatus, S.status),
    status_message=S.status_message,
    session_number=S.session_number,
    upstream=converted(json_value, core.session.c.upstream),
    embeddable=converted(bool, core.template.c.embeddable),
    user_id=U.id,
    user_name=U.user_name,
    display_name=U.display_name,
    token_id=T.id,
    access=Record(
        AccessFacts,
        role=nullable(Role, core.membership.c.role),
        scopes=converted(scope_set, T.scopes),
        studios_enabled=converted(bool, core.workspace.c.studios_enabled),
    ),
    expires_at=nullable(utc_time, T.expires_at),
    revoked=converted(is_set, T.revoked_at),
    login_ended=converted(bool, and_(_LOGIN_ID.is_not(None), core.login.c.id.is_(None))),
)
_FACTS = Query(
    select(*FACTS_RECORD.columns)
    .select_from(
        core.studio.join(OWNER, OWNER.c.id == S.owner_id)
        .join(core.template, core.template.c.id == S.template_id)
        .join(core.workspace, core.workspace.c.id == S.workspace_id)
        .join(core.token, T.id == bindparam("token_id"))
        .join(core.user, U.id == T.user_id)
        .outerjoin(core.session, and_(core.session.c.studio_id == S.id, core.session.c.number == S.session_number))
        .outerjoin(core.membership, and_(core.membership.c.workspace_id == S.workspace_id, core.membership.c.user_id == U.id))
        .outerjoin(core.login, and_(core.login.c.id == _LOGIN_ID, core.login.c.token_id == T.id))
    )
    .where(S.public_id == bindparam("public_id"), U.id == bindparam("user_id"))
)


async def facts(reader: Reader, public_id: str, user_id: str, token_id: str, login_id: str | None) -> Facts | None:
    """Returns the facts; None if there is no such Studio, or no such token of that user."""
    row = await reader.one(_FACTS, public_id=public_id, user_id=user_id, token_id=token_id, login_id=login_id)
    return FACTS_RECORD.optional(row)


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
        text(SESSION_END),
    )
    .order_by(E.seq.desc())
    .limit(10)
)


async def last_session_end(reader: Reader, workspace_id: str, studio_id: str, session_number: int) -> SessionEnd | None:
    """Returns the newest connection error that ended this session for all its users; None if none of the last 10 is one."""
    for payload, stored_actor, at in await reader.all(_SESSION_ENDS, workspace_id=workspace_id, studio_id=studio_id):
        error = ConnectionFailed.from_json(json_value(payload))
        if error.session_number == session_number and error.code is not ConnectionErrorCode.TOOL_UNREACHABLE:
            return SessionEnd(error.code, error.reason, actor(stored_actor), utc_time(at), error.retryable)
    return None
