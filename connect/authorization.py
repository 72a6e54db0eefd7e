"""Decides whether a cookie's holder may use its session: one check for HTTP and WebSocket, without I/O.

It runs before anything is sent to the tool (B51, B59; docs/architecture.md#the-data-plane).
"""

from dataclasses import dataclass
from datetime import datetime

from connect import access_errors
from connect.access_errors import AccessError
from connect.session_grants import Grant
from services.domain.access import Denial, Permission, decide
from services.domain.statuses import ConnectionErrorCode, StudioStatus
from services.store.access_facts import Facts, SessionEnd

NO_STUDIO = AccessError(access_errors.NOT_FOUND, "It is absent, or you have no access to it.")
STARTING_STATUSES = frozenset({StudioStatus.BUILDING, StudioStatus.STARTING})
FAILED_STATUSES = frozenset({StudioStatus.ERRORED, StudioStatus.BUILD_FAILED})


@dataclass(frozen=True, slots=True)
class AccessSnapshot:
    """What was read from the database at one moment. `ending` is why the Studio's last session ended; None if it has not ended."""

    facts: Facts | None
    ending: SessionEnd | None
    read_at: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of a check: `refusal` is None if access is allowed, else the reason."""

    facts: Facts | None
    refusal: AccessError | None


def authorize(snapshot: AccessSnapshot, grant: Grant, now: datetime) -> Decision:
    """Decides whether the holder of `grant` may use its session at this moment."""
    return Decision(snapshot.facts, _refusal(snapshot, grant, now))


def _refusal(snapshot: AccessSnapshot, grant: Grant, now: datetime) -> AccessError | None:
    facts = snapshot.facts
    if facts is None:
        return NO_STUDIO
    refusal = right_refusal(facts, now) or status_refusal(facts, snapshot.ending)
    if refusal:
        return refusal
    if facts.session_number != grant.session_number:
        return AccessError(access_errors.SESSION_CHANGED, "Its session is a new one.")
    return None


def right_refusal(facts: Facts, now: datetime) -> AccessError | None:
    """Returns why the user has no right to connect, whatever the Studio's status is; None if the user has it."""
    if facts.revoked:
        return AccessError(access_errors.UNAUTHENTICATED, "The access token was revoked.")
    if facts.expires_at is not None and facts.expires_at <= now:
        return AccessError(access_errors.UNAUTHENTICATED, "The access token has expired.")
    if facts.login_ended:
        return AccessError(access_errors.UNAUTHENTICATED, "You signed out, or your sign-in has ended.")
    decision = decide(Permission.STUDIO_CONNECT, facts.access)
    if decision.denial is Denial.NOT_FOUND:
        return NO_STUDIO
    return None if decision.is_allowed else AccessError(access_errors.FORBIDDEN, decision.message)


def status_refusal(facts: Facts, ending: SessionEnd | None) -> AccessError | None:
    """Returns why nobody can connect at this moment; None if the session runs and has an address."""
    if facts.status is StudioStatus.RUNNING:
        return None if facts.upstream else AccessError(access_errors.STARTING, "")
    if facts.status in STARTING_STATUSES:
        return AccessError(access_errors.STARTING, facts.status_message or "")
    if ending:
        return AccessError(ending.code, ending.reason or facts.status_message or "", ending.actor.name, ending.at)
    code = ConnectionErrorCode.STUDIO_ERRORED if facts.status in FAILED_STATUSES else ConnectionErrorCode.STUDIO_STOPPED
    return AccessError(code, facts.status_message or "")
