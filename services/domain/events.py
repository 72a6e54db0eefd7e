"""Events of the event log: their kinds, new and logged events, and cursors."""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from services.domain.actor import Actor

INSTALLATION_STREAM = "installation"
"""The id of the stream for events outside of workspaces: revoked tokens, changed memberships."""


class Kind(StrEnum):
    """The kind of an event; `event_payloads` has the payload class of each."""

    STUDIO_CREATED = "studio.created"
    STUDIO_STATUS = "studio.status"
    STUDIO_MESSAGE = "studio.message"
    STUDIO_EDITED = "studio.edited"
    STUDIO_DELETED = "studio.deleted"
    CHECKPOINT = "checkpoint"
    CONNECTED_USERS = "connected.users"
    CONNECTED_TABS = "connected.tabs"
    CONNECTION_ERROR = "connection.error"
    DISRUPTION_WARNING = "disruption.warning"
    STAR = "star"
    OPERATION = "operation"
    MIGRATION = "migration"
    MEMBER_CHANGED = "member.changed"
    WORKSPACE_SETTINGS = "workspace.settings"
    TEMPLATE_CHANGED = "template.changed"
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of a kind, no secret


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended to a stream."""

    kind: Kind
    actor: Actor
    payload: dict[str, Any] = field(default_factory=dict)
    studio_id: str | None = None
    studio_name: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event read from the log, with its stream, epoch and sequence number."""

    stream_id: str
    epoch: str
    seq: int
    at: datetime
    kind: Kind
    actor: Actor
    payload: dict[str, Any]
    studio_id: str | None = None
    studio_name: str | None = None
    user_id: str | None = None

    @property
    def cursor(self) -> "Cursor":
        return Cursor(self.stream_id, self.epoch, self.seq)


class BadCursor(ValueError):
    """The text is not a cursor of this server."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in an event stream; its text form is opaque to clients."""

    stream_id: str
    epoch: str
    seq: int

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"e1:{self.stream_id}:{self.epoch}:{self.seq}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Returns the cursor of its text form. Raises BadCursor."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            tag, stream_id, epoch, seq = raw.split(":")
            if tag != "e1" or not seq.isdecimal() or len(seq) > 18:
                raise ValueError(tag)
            return cls(stream_id, epoch, int(seq))
        except (ValueError, binascii.Error) as error:
            raise BadCursor("not a cursor of this server") from error
