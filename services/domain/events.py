"""What can happen, as it is logged: kinds, the event row, and cursors."""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from services.domain.actor import Actor

INSTALLATION_STREAM = "installation"
"""The stream for what concerns everybody: revoked tokens, users."""


class Kind(StrEnum):
    """What an event tells; beside each, the keys of its payload."""

    STUDIO_CREATED = "studio.created"  # status
    STUDIO_STATUS = "studio.status"  # previous_status, status, status_message, stop_reason, session_number
    STUDIO_MESSAGE = "studio.message"  # status_message: the status stays, what is known of it changed
    STUDIO_EDITED = "studio.edited"  # revision, fields: the names of what changed
    STUDIO_DELETED = "studio.deleted"  # (nothing more)
    CHECKPOINT = "checkpoint"  # checkpoint_id, name, status, change: created | saved | renamed | deleted
    CONNECTED_USERS = "connected.users"  # user_id, user_name, change: joined | left
    CONNECTION_ERROR = "connection.error"  # code, reason, retryable, session_number; user_id = whom it hit, null = everybody
    DISRUPTION_WARNING = "disruption.warning"  # code, reason, at (planned time, RFC 3339), session_number
    STAR = "star"  # (nothing more); user_id = whose star came or went, whom alone it concerns
    OPERATION = "operation"  # operation_id
    MEMBER_CHANGED = "member.changed"  # user_id, role (null = removed)
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - token_id; on the installation stream


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be appended."""

    kind: Kind
    actor: Actor
    payload: dict[str, Any] = field(default_factory=dict)
    studio_id: str | None = None
    studio_name: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it stands in the log."""

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
    """Text that is no cursor of ours."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a stream; opaque to clients."""

    stream_id: str
    epoch: str
    seq: int

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"e1:{self.stream_id}:{self.epoch}:{self.seq}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Raises BadCursor."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            tag, stream_id, epoch, seq = raw.split(":")
            if tag != "e1" or not seq.isdecimal() or len(seq) > 18:
                raise ValueError(tag)
            return cls(stream_id, epoch, int(seq))
        except (ValueError, binascii.Error) as error:
            raise BadCursor("not a cursor of this server") from error
