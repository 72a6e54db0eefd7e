"""Frames of streams that are no events: snapshots, and what changed in a list."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.events import Cursor
from services.rows.studio import ConnectedUserRow, StudioRow


@dataclass(frozen=True, slots=True)
class StudioStatusSnapshotRow:
    """All Studios of a stream's scope, as of `cursor`."""

    cursor: Cursor
    at: datetime
    studios: list[StudioRow]


@dataclass(frozen=True, slots=True)
class StudioListSnapshotRow:
    """The whole list, as of `cursor`."""

    cursor: Cursor
    at: datetime
    studios: list[StudioRow]


@dataclass(frozen=True, slots=True)
class StudioEnteredRow:
    """A Studio belongs to the list from now on."""

    cursor: Cursor
    studio: StudioRow


@dataclass(frozen=True, slots=True)
class StudioChangedRow:
    """A Studio of the list is not as it was."""

    cursor: Cursor
    studio: StudioRow


@dataclass(frozen=True, slots=True)
class StudioLeftRow:
    """A Studio does not belong to the list any more."""

    cursor: Cursor
    studio_id: str


@dataclass(frozen=True, slots=True)
class ConnectedUsersSnapshotRow:
    """Everybody who is connected to a Studio's session, as of `cursor`."""

    cursor: Cursor
    at: datetime
    studio_id: str
    connected_users: list[ConnectedUserRow]
