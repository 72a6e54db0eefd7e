"""The row classes of stream frames that are no events: snapshots and changes of lists."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.events import Cursor
from services.rows.studio import ConnectedUserRow, StudioRow


@dataclass(frozen=True, slots=True)
class StudioStatusSnapshotRow:
    """All Studios in the scope of a stream, as of `cursor`."""

    cursor: Cursor
    at: datetime
    studios: list[StudioRow]


@dataclass(frozen=True, slots=True)
class StudioListSnapshotRow:
    """The whole list of Studios, as of `cursor`."""

    cursor: Cursor
    at: datetime
    studios: list[StudioRow]


@dataclass(frozen=True, slots=True)
class StudioEnteredRow:
    """A Studio entered the list."""

    cursor: Cursor
    studio: StudioRow


@dataclass(frozen=True, slots=True)
class StudioChangedRow:
    """A Studio in the list changed."""

    cursor: Cursor
    studio: StudioRow


@dataclass(frozen=True, slots=True)
class StudioLeftRow:
    """A Studio left the list."""

    cursor: Cursor
    studio_id: str


@dataclass(frozen=True, slots=True)
class ConnectedUsersSnapshotRow:
    """The users who are connected to a Studio's session, as of `cursor`."""

    cursor: Cursor
    at: datetime
    studio_id: str
    connected_users: list[ConnectedUserRow]
