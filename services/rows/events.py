"""What happened to Studios, as viewers see it: one row class for each kind of frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from services.domain.actor import Actor
from services.domain.events import Cursor, Kind, LoggedEvent
from services.domain.statuses import CheckpointStatus, ConnectionErrorCode, StopReason, StudioStatus


class CheckpointChange(StrEnum):
    """What happened to a checkpoint; the values are the log's words."""

    CREATED = "created"
    SAVED = "saved"
    RENAMED = "renamed"
    INVALIDATED = "invalid"
    DELETED = "deleted"


class PresenceChange(StrEnum):
    """Whether a user came or went; the values are the log's words."""

    JOINED = "joined"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class StudioEventRow:
    """What all have in common; `studio_name` is as of then."""

    cursor: Cursor
    at: datetime
    studio_id: str
    studio_name: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class StudioStatusEventRow(StudioEventRow):
    """A Studio entered a status; `previous_status` None = it was created."""

    previous_status: StudioStatus | None
    status: StudioStatus
    status_message: str | None
    stop_reason: StopReason | None


@dataclass(frozen=True, slots=True)
class StudioEditedEventRow(StudioEventRow):
    """Somebody changed its configuration; `fields` are the names of what changed."""

    revision: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class StudioDeletedEventRow(StudioEventRow):
    """It is gone."""


@dataclass(frozen=True, slots=True)
class CheckpointEventRow(StudioEventRow):
    """One of its checkpoints came, changed or went."""

    checkpoint_id: str
    checkpoint_name: str
    checkpoint_status: CheckpointStatus
    change: CheckpointChange


@dataclass(frozen=True, slots=True)
class ConnectedUsersEventRow(StudioEventRow):
    """A user joined (with a first tab) or left (with the last one)."""

    user_id: str
    user_name: str
    change: PresenceChange


@dataclass(frozen=True, slots=True)
class ConnectionErrorEventRow(StudioEventRow):
    """Connections to its session ended: those of `user_id`, or everybody's (B57)."""

    user_id: str | None
    code: ConnectionErrorCode
    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class DisruptionWarningEventRow(StudioEventRow):
    """Connections to its session will end; `planned_at` is when, if that is known."""

    user_id: str | None
    code: ConnectionErrorCode
    reason: str
    planned_at: datetime | None


Common = tuple[Cursor, datetime, str, str, Actor]


def _common(event: LoggedEvent) -> Common:
    assert event.studio_id is not None, f"{event.kind} without a Studio"
    return event.cursor, event.at, event.studio_id, event.studio_name or "", event.actor


def _optional_reason(payload: Mapping[str, Any]) -> StopReason | None:
    reason = payload.get("stop_reason")
    return StopReason(reason) if reason else None


def _created(event: LoggedEvent) -> StudioEventRow:
    return StudioStatusEventRow(*_common(event), None, StudioStatus(event.payload["status"]), None, None)


def _status(event: LoggedEvent) -> StudioEventRow:
    given = event.payload
    previous = given.get("previous_status")
    return StudioStatusEventRow(
        *_common(event),
        StudioStatus(previous) if previous else None,
        StudioStatus(given["status"]),
        given.get("status_message"),
        _optional_reason(given),
    )


def _edited(event: LoggedEvent) -> StudioEventRow:
    return StudioEditedEventRow(*_common(event), event.payload["revision"], list(event.payload.get("fields", ())))


def _deleted(event: LoggedEvent) -> StudioEventRow:
    return StudioDeletedEventRow(*_common(event))


def _checkpoint(event: LoggedEvent) -> StudioEventRow:
    given = event.payload
    return CheckpointEventRow(
        *_common(event), given["checkpoint_id"], given["name"], CheckpointStatus(given["status"]), CheckpointChange(given["change"])
    )


def _connected_users(event: LoggedEvent) -> StudioEventRow:
    return ConnectedUsersEventRow(
        *_common(event), event.payload["user_id"], event.payload["user_name"], PresenceChange(event.payload["change"])
    )


def _connection_error(event: LoggedEvent) -> StudioEventRow:
    given = event.payload
    code = ConnectionErrorCode(given["code"])
    return ConnectionErrorEventRow(*_common(event), event.user_id, code, given["reason"], given["retryable"])


def _disruption_warning(event: LoggedEvent) -> StudioEventRow:
    given = event.payload
    planned_at = datetime.fromisoformat(given["at"]) if given.get("at") else None
    return DisruptionWarningEventRow(*_common(event), event.user_id, ConnectionErrorCode(given["code"]), given["reason"], planned_at)


_ROWS: Mapping[Kind, Callable[[LoggedEvent], StudioEventRow]] = MappingProxyType(
    {
        Kind.STUDIO_CREATED: _created,
        Kind.STUDIO_STATUS: _status,
        Kind.STUDIO_EDITED: _edited,
        Kind.STUDIO_DELETED: _deleted,
        Kind.CHECKPOINT: _checkpoint,
        Kind.CONNECTED_USERS: _connected_users,
        Kind.CONNECTION_ERROR: _connection_error,
        Kind.DISRUPTION_WARNING: _disruption_warning,
    }
)

SHOWN_KINDS = frozenset(_ROWS)
"""The kinds that viewers see as events; the others only wake what shows state."""


def event_row(event: LoggedEvent) -> StudioEventRow:
    """The row of an event of SHOWN_KINDS."""
    return _ROWS[event.kind](event)
