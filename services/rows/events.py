"""The row classes of events of Studios, as viewers see them: one for each kind of frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.domain.actor import Actor
from services.domain.event_payloads import (
    CheckpointChange,
    CheckpointChanged,
    ConnectionFailed,
    DisruptionPlanned,
    MigrationChanged,
    PresenceChange,
    PresenceChanged,
    StudioCreated,
    StudioEdited,
    StudioStatusChanged,
)
from services.domain.events import Cursor, Kind, LoggedEvent
from services.domain.statuses import CheckpointStatus, ConnectionErrorCode, MigrationState, StopReason, StudioStatus


@dataclass(frozen=True, slots=True)
class StudioEventRow:
    """The fields of all events; `studio_name` is the name at the time of the event."""

    cursor: Cursor
    at: datetime
    studio_id: str
    studio_name: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class StudioStatusEventRow(StudioEventRow):
    """A Studio entered a status. `previous_status` is None for the event that created it."""

    previous_status: StudioStatus | None
    status: StudioStatus
    status_message: str | None
    stop_reason: StopReason | None


@dataclass(frozen=True, slots=True)
class StudioEditedEventRow(StudioEventRow):
    """The configuration of a Studio was edited; `fields` are the names of the changed fields."""

    revision: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class StudioDeletedEventRow(StudioEventRow):
    """A Studio was deleted."""


@dataclass(frozen=True, slots=True)
class CheckpointEventRow(StudioEventRow):
    """A checkpoint of a Studio was created, changed or deleted."""

    checkpoint_id: str
    checkpoint_name: str
    checkpoint_status: CheckpointStatus
    change: CheckpointChange


@dataclass(frozen=True, slots=True)
class ConnectedUsersEventRow(StudioEventRow):
    """A user joined (opened a first tab) or left (closed the last one)."""

    user_id: str
    user_name: str
    change: PresenceChange


@dataclass(frozen=True, slots=True)
class ConnectionErrorEventRow(StudioEventRow):
    """Connections to a session ended: those of the user `user_id`, or all of them if it is None (B57)."""

    user_id: str | None
    code: ConnectionErrorCode
    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class DisruptionWarningEventRow(StudioEventRow):
    """Connections to a session will end at `planned_at`; None if the time is not known."""

    user_id: str | None
    code: ConnectionErrorCode
    reason: str
    planned_at: datetime | None


@dataclass(frozen=True, slots=True)
class MigrationEventRow(StudioEventRow):
    """An attempt to migrate the Studio, or the one that made it, began or got a result."""

    attempt_id: str
    state: MigrationState


Common = tuple[Cursor, datetime, str, str, Actor]


def _common(event: LoggedEvent) -> Common:
    assert event.studio_id is not None, f"{event.kind} without a Studio"
    return event.cursor, event.at, event.studio_id, event.studio_name or "", event.actor


def _created(event: LoggedEvent) -> StudioEventRow:
    return StudioStatusEventRow(*_common(event), None, StudioCreated.from_json(event.payload).status, None, None)


def _status(event: LoggedEvent) -> StudioEventRow:
    payload = StudioStatusChanged.from_json(event.payload)
    return StudioStatusEventRow(*_common(event), payload.previous_status, payload.status, payload.status_message, payload.stop_reason)


def _edited(event: LoggedEvent) -> StudioEventRow:
    payload = StudioEdited.from_json(event.payload)
    return StudioEditedEventRow(*_common(event), payload.revision, list(payload.fields))


def _deleted(event: LoggedEvent) -> StudioEventRow:
    return StudioDeletedEventRow(*_common(event))


def _checkpoint(event: LoggedEvent) -> StudioEventRow:
    payload = CheckpointChanged.from_json(event.payload)
    return CheckpointEventRow(*_common(event), payload.checkpoint_id, payload.name, payload.status, payload.change)


def _connected_users(event: LoggedEvent) -> StudioEventRow:
    payload = PresenceChanged.from_json(event.payload)
    return ConnectedUsersEventRow(*_common(event), payload.user_id, payload.user_name, payload.change)


def _connection_error(event: LoggedEvent) -> StudioEventRow:
    payload = ConnectionFailed.from_json(event.payload)
    return ConnectionErrorEventRow(*_common(event), event.user_id, payload.code, payload.reason, payload.retryable)


def _disruption_warning(event: LoggedEvent) -> StudioEventRow:
    payload = DisruptionPlanned.from_json(event.payload)
    return DisruptionWarningEventRow(*_common(event), event.user_id, payload.code, payload.reason, payload.at)


def _migration(event: LoggedEvent) -> StudioEventRow:
    payload = MigrationChanged.from_json(event.payload)
    return MigrationEventRow(*_common(event), payload.attempt_id, payload.state)


_ROWS: Mapping[Kind, Callable[[LoggedEvent], StudioEventRow]] = MappingProxyType(
    {
        Kind.STUDIO_CREATED: _created,
        Kind.STUDIO_STATUS: _status,
        Kind.STUDIO_EDITED: _edited,
        Kind.STUDIO_DELETED: _deleted,
        Kind.CHECKPOINT: _checkpoint,
        Kind.MIGRATION: _migration,
        Kind.CONNECTED_USERS: _connected_users,
        Kind.CONNECTION_ERROR: _connection_error,
        Kind.DISRUPTION_WARNING: _disruption_warning,
    }
)

SHOWN_KINDS = frozenset(_ROWS)
"""The kinds that viewers see as events; those of the others only announce that a state has changed."""


def event_row(event: LoggedEvent) -> StudioEventRow:
    """Returns the row of an event of SHOWN_KINDS."""
    return _ROWS[event.kind](event)
