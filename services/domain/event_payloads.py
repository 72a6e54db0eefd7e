"""The payload of each kind of event: one class a kind, and how it is stored as JSON.

Stored payloads outlive releases: `from_json` accepts what earlier releases wrote, where later keys are absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, ClassVar, Self

from services.domain.access import Role
from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.domain.statuses import CheckpointStatus, ConnectionErrorCode, MigrationState, StopReason, StudioStatus

Json = Mapping[str, Any]


class CheckpointChange(StrEnum):
    """What happened to a checkpoint; the values are those stored in the log."""

    CREATED = "created"
    SAVED = "saved"
    RENAMED = "renamed"
    INVALIDATED = "invalid"
    REVALIDATED = "valid"
    DELETED = "deleted"


class TemplateChange(StrEnum):
    """What happened to a template; the values are those stored in the log."""

    ADDED = "added"
    EDITED = "edited"
    REMOVED = "removed"


class PresenceChange(StrEnum):
    """Whether a user connected or left; the values are those stored in the log."""

    JOINED = "joined"
    LEFT = "left"


def _json_value(value: object) -> object:
    if isinstance(value, Role):
        return value.name
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class EventPayload:
    """The base class of payloads: conversion to and from JSON. A payload without fields is stored as an empty object."""

    KIND: ClassVar[Kind]

    def to_json(self) -> dict[str, Any]:
        """Returns the payload as it is stored: one key a field, null for None."""
        return {field.name: _json_value(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """Returns the payload from its stored form; keys that this release does not know are ignored."""
        return cls(**{field.name: stored[field.name] for field in fields(cls) if field.name in stored})

    def event(self, actor: Actor, studio_id: str | None = None, studio_name: str | None = None, user_id: str | None = None) -> NewEvent:
        """Returns the event of this kind with this payload, to be appended to a stream."""
        return NewEvent(self.KIND, actor, self.to_json(), studio_id, studio_name, user_id)


@dataclass(frozen=True, slots=True)
class StudioCreated(EventPayload):
    """A Studio was created, in this status."""

    KIND = Kind.STUDIO_CREATED
    status: StudioStatus

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(StudioStatus(stored["status"]))


@dataclass(frozen=True, slots=True)
class StudioStatusChanged(EventPayload):
    """A Studio entered another status."""

    KIND = Kind.STUDIO_STATUS
    previous_status: StudioStatus | None
    status: StudioStatus
    status_message: str | None = None
    stop_reason: StopReason | None = None
    session_number: int | None = None

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        previous, reason = stored.get("previous_status"), stored.get("stop_reason")
        return cls(
            StudioStatus(previous) if previous else None,
            StudioStatus(stored["status"]),
            stored.get("status_message"),
            StopReason(reason) if reason else None,
            stored.get("session_number"),
        )


@dataclass(frozen=True, slots=True)
class StudioMessageChanged(EventPayload):
    """The message of a Studio's status changed, while the status stayed."""

    KIND = Kind.STUDIO_MESSAGE
    status_message: str | None = None


@dataclass(frozen=True, slots=True)
class StudioEdited(EventPayload):
    """The configuration of a Studio changed; `fields` are the names of what changed."""

    KIND = Kind.STUDIO_EDITED
    revision: int
    fields: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(stored["revision"], tuple(stored.get("fields", ())))


@dataclass(frozen=True, slots=True)
class StudioDeleted(EventPayload):
    """A Studio was deleted."""

    KIND = Kind.STUDIO_DELETED


@dataclass(frozen=True, slots=True)
class CheckpointChanged(EventPayload):
    """A checkpoint of a Studio was created, saved, renamed, deleted or found to be invalid."""

    KIND = Kind.CHECKPOINT
    checkpoint_id: str
    name: str
    status: CheckpointStatus
    change: CheckpointChange

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(stored["checkpoint_id"], stored["name"], CheckpointStatus(stored["status"]), CheckpointChange(stored["change"]))


@dataclass(frozen=True, slots=True)
class PresenceChanged(EventPayload):
    """A user opened a first tab of a session, or closed the last one."""

    KIND = Kind.CONNECTED_USERS
    user_id: str
    user_name: str
    change: PresenceChange

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(stored["user_id"], stored["user_name"], PresenceChange(stored["change"]))


@dataclass(frozen=True, slots=True)
class TabsChanged(EventPayload):
    """Users who stay connected to a session opened or closed further tabs of it."""

    KIND = Kind.CONNECTED_TABS


@dataclass(frozen=True, slots=True)
class ConnectionFailed(EventPayload):
    """Connections to a session ended (B57): those of the event's `user_id`, or everybody's if that is None.

    `token_id` is the revoked token whose connections ended; None if the reason was another one.
    """

    KIND = Kind.CONNECTION_ERROR
    code: ConnectionErrorCode
    reason: str
    retryable: bool = True
    session_number: int | None = None
    token_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the payload as it is stored; the key `token_id` only where there is a token."""
        stored = EventPayload.to_json(self)
        return stored if self.token_id else {key: value for key, value in stored.items() if key != "token_id"}

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        code = ConnectionErrorCode(stored["code"])
        return cls(code, stored["reason"], bool(stored.get("retryable", True)), stored.get("session_number"), stored.get("token_id"))


@dataclass(frozen=True, slots=True)
class DisruptionPlanned(EventPayload):
    """Connections to a session will end (B57); `at` is when, None if that is not known."""

    KIND = Kind.DISRUPTION_WARNING
    code: ConnectionErrorCode
    reason: str
    at: datetime | None = None
    session_number: int | None = None

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        at = datetime.fromisoformat(stored["at"]) if stored.get("at") else None
        return cls(ConnectionErrorCode(stored["code"]), stored["reason"], at, stored.get("session_number"))


@dataclass(frozen=True, slots=True)
class StarChanged(EventPayload):
    """The event's user starred a Studio or took the star away."""

    KIND = Kind.STAR


@dataclass(frozen=True, slots=True)
class OperationChanged(EventPayload):
    """An operation on a Studio made progress."""

    KIND = Kind.OPERATION
    operation_id: str


@dataclass(frozen=True, slots=True)
class MigrationChanged(EventPayload):
    """An attempt to migrate the event's Studio, or the one that made it, began or got a result."""

    KIND = Kind.MIGRATION
    attempt_id: str
    state: MigrationState

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(stored["attempt_id"], MigrationState(stored["state"]))


@dataclass(frozen=True, slots=True)
class MemberChanged(EventPayload):
    """A member of a workspace came, got another role, or went (`role` None).

    `workspace_id` is None where an earlier release wrote the event: it is then the id of the event's stream.
    """

    KIND = Kind.MEMBER_CHANGED
    workspace_id: str | None
    user_id: str
    role: Role | None

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        role = stored.get("role")
        return cls(stored.get("workspace_id"), stored["user_id"], Role[role] if role else None)


@dataclass(frozen=True, slots=True)
class WorkspaceSettingsChanged(EventPayload):
    """Settings of a workspace changed; `fields` are the names of what changed."""

    KIND = Kind.WORKSPACE_SETTINGS
    fields: tuple[str, ...]

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(tuple(stored["fields"]))


@dataclass(frozen=True, slots=True)
class TemplateChanged(EventPayload):
    """A template of the workspace was added, edited or removed; `fields` are the names of what was edited."""

    KIND = Kind.TEMPLATE_CHANGED
    template_id: str
    name: str
    change: TemplateChange
    fields: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        return cls(stored["template_id"], stored["name"], TemplateChange(stored["change"]), tuple(stored.get("fields", ())))


@dataclass(frozen=True, slots=True)
class TokenRevoked(EventPayload):
    """A token was revoked; on the installation's stream."""

    KIND = Kind.TOKEN_REVOKED
    token_id: str
