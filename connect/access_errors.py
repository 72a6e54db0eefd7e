"""The errors of access to a session: a table of stable codes with HTTP statuses, close codes and texts (B58)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from services.domain.statuses import ConnectionErrorCode as Code

UNAUTHENTICATED = "UNAUTHENTICATED"
SESSION_CHANGED = "SESSION_CHANGED"
FORBIDDEN = "FORBIDDEN"
NOT_FOUND = "NOT_FOUND"
STARTING = "STUDIO_STARTING"
CROSS_ORIGIN = "CROSS_ORIGIN"
BAD_REQUEST = "BAD_REQUEST"
TOO_MANY = "TOO_MANY_STREAMS"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """The public form of a code: HTTP status, WebSocket close code, title, and what the user should do."""

    status: int
    close_code: int
    title: str
    advice: str


MAX_CLOSE_REASON_BYTES = 123
"""The size of a close frame's reason (RFC 6455 section 5.5: 125 bytes of payload, 2 of them for the code)."""

_RESTART = "Start it again, and this page opens it by itself."
ERROR_TEXTS: Mapping[str, ErrorText] = MappingProxyType(
    {
        UNAUTHENTICATED: ErrorText(
            401, 4401, "Sign in to open this Studio", "Open the Studio's address in a browser, or ask `connectStudio`."
        ),
        SESSION_CHANGED: ErrorText(401, 4408, "The Studio was started again", "Open it again: its new session needs a new sign-in."),
        FORBIDDEN: ErrorText(403, 4403, "You may not open this Studio", "Ask an owner of the workspace for the role CONNECT."),
        NOT_FOUND: ErrorText(404, 4404, "There is no such Studio here", "Check the address, or ask an owner of the workspace to add you."),
        STARTING: ErrorText(503, 4425, "The Studio is starting", "This page opens it as soon as it runs."),
        CROSS_ORIGIN: ErrorText(403, 4400, "Refused: the request came from another site", "Open the Studio's own address."),
        BAD_REQUEST: ErrorText(
            400, 4400, "This address or request is not valid", "Check the address, or open the Studio from the list of all Studios."
        ),
        TOO_MANY: ErrorText(503, 4429, "Too many open requests to this session", "Close some tabs or connections, and try again."),
        Code.STUDIO_STOPPED: ErrorText(503, 4410, "The Studio is stopped", _RESTART),
        Code.STUDIO_ERRORED: ErrorText(503, 4411, "The session ended with an error", _RESTART),
        Code.LIFESPAN_EXPIRED: ErrorText(503, 4412, "The session reached its lifespan", _RESTART),
        Code.IDLE_STOPPED: ErrorText(503, 4413, "The session was stopped because nobody used it", _RESTART),
        Code.CREDENTIALS_CHANGED: ErrorText(503, 4414, "Credentials of the session were changed", _RESTART),
        Code.COMPUTE_ENV_DELETED: ErrorText(
            503, 4415, "The compute environment is being removed", "Ask a maintainer for a Studio in another one."
        ),
        Code.COMPUTE_ENV_UNREACHABLE: ErrorText(503, 4416, "The compute environment does not answer", "This page tries again by itself."),
        Code.ACCESS_REVOKED: ErrorText(401, 4407, "You may no longer use this session", "Sign in again, or ask an owner of the workspace."),
        Code.TOOL_UNREACHABLE: ErrorText(
            502, 4502, "The tool does not answer", "This page tries again by itself. If it stays like this, stop and start the Studio."
        ),
        Code.REPLACED_BY_OTHER_USER: ErrorText(503, 4409, "Another user uses this session now", "The tool takes one user at a time."),
        Code.PROXY_RESTARTED: ErrorText(503, 4503, "The proxy of the session was restarted", "This page connects again by itself."),
    }
)

WAITING = frozenset(
    {
        STARTING,
        Code.STUDIO_STOPPED,
        Code.STUDIO_ERRORED,
        Code.LIFESPAN_EXPIRED,
        Code.IDLE_STOPPED,
        Code.CREDENTIALS_CHANGED,
        Code.COMPUTE_ENV_DELETED,
        Code.COMPUTE_ENV_UNREACHABLE,
    }
)
"""The codes of a session that has ended or does not run yet. The viewer gets access once the Studio runs."""


@dataclass(frozen=True, slots=True)
class AccessError:
    """A code with the details of one case: the reason, the actor (`who`) and the time (`at`), the last two None if unknown."""

    code: str
    reason: str
    who: str | None = None
    at: datetime | None = None

    @property
    def text(self) -> ErrorText:
        return ERROR_TEXTS[self.code]

    @property
    def when_and_by_whom(self) -> str:
        """A line for the page: the actor, unless `reason` names them already, and the time in UTC. Empty if neither is known."""
        actor = f"By {self.who}" if self.who and self.who not in self.reason else ""
        return ", ".join(filter(None, [actor, f"{self.at:%H:%M} UTC" if self.at else ""]))

    @property
    def waits(self) -> bool:
        return self.code in WAITING

    @property
    def close_reason(self) -> str:
        """The text of a WebSocket's close frame, which holds 123 bytes: the code, then as much of the reason as fits."""
        text = f"{self.code}: {self.reason}" if self.reason else self.code
        return text.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")

    def as_json(self) -> dict[str, object]:
        """Returns the error as JSON, for programs and for the session page."""
        return {
            "code": str(self.code),
            "message": self.text.title,
            "reason": self.reason,
            "advice": self.text.advice,
            "who": self.who,
            "at": self.at.isoformat() if self.at else None,
            "returns": self.waits,
        }

    def during_session(self) -> "AccessError":
        """Returns the error for a request that was admitted before: a lost right becomes ACCESS_REVOKED (B59)."""
        if self.code in {UNAUTHENTICATED, FORBIDDEN, NOT_FOUND}:
            return replace(self, code=Code.ACCESS_REVOKED)
        return self


class AccessDenied(Exception):
    """Access to a session is refused; `refusal` is the reason."""

    def __init__(self, refusal: AccessError) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
