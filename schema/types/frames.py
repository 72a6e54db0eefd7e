"""The GraphQL types of subscription frames: snapshot, events, heartbeat and resync (docs/architecture.md#live-streams)."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.enums import describe
from schema.fields import attribute, exactly, node_id
from schema.scalars import Cursor
from schema.types.events import (
    CheckpointEvent,
    ConnectedUsersEvent,
    ConnectionErrorEvent,
    DisruptionWarningEvent,
    MigrationEvent,
    StudioDeletedEvent,
    StudioEditedEvent,
    StudioStatusEvent,
)
from schema.types.logs import LogChunk, LogEnded
from schema.types.studio import Studio
from schema.types.studio_parts import ConnectedUser
from services.live.stream_items import Heartbeat as HeartbeatItem
from services.live.stream_items import Resync as ResyncItem
from services.live.stream_items import ResyncReason
from services.rows.frames import (
    ConnectedUsersSnapshotRow,
    StudioChangedRow,
    StudioEnteredRow,
    StudioLeftRow,
    StudioListSnapshotRow,
    StudioStatusSnapshotRow,
)

SNAPSHOT_CURSOR = "The position in the event log at which the data was read. Later events follow in the stream."
SNAPSHOT_AT = "The time at which the data was read."
FRAME_CURSOR = "The position in the event log of the newest event that this frame includes."

describe(
    ResyncReason,
    "The reason why a stream could not continue after a cursor.",
    {
        "RETENTION": "The event log no longer stores the events after the cursor, because they are too old.",
        "UNKNOWN_CURSOR": "The event log does not know the cursor: it belongs to another workspace, or a backup was restored.",
    },
)


@strawberry.type(description="A sign that the stream is alive and complete up to `cursor`. It comes every 15 seconds.")
class Heartbeat:
    """B83: a cursor to reconnect with, also where nothing happens."""

    cursor: Cursor = attribute("The position in the event log up to which everything was sent. Pass it as `after` to reconnect.")
    at: datetime = attribute("The time at which the heartbeat was created.")

    is_type_of = exactly(HeartbeatItem)


@strawberry.type(
    description="A sign that events are missing after the given cursor. Replace the state by the snapshot that follows; if the stream has "
    "none, read the state by a query."
)
class Resync:
    """B83: never a silent gap."""

    reason: ResyncReason = attribute("The reason why events are missing.")
    cursor: Cursor = attribute("The position in the event log at which the stream continues.")

    is_type_of = exactly(ResyncItem)


@strawberry.type(
    description="All Studios of the stream with their current data. It is the first frame, unless `after` was given, and follows each "
    "Resync."
)
class StudioStatusSnapshot:
    """Followed by what happens from there."""

    cursor: Cursor = attribute(SNAPSHOT_CURSOR)
    at: datetime = attribute(SNAPSHOT_AT)
    studios: list[Studio] = attribute("The Studios, sorted by name.")

    is_type_of = exactly(StudioStatusSnapshotRow)


@strawberry.type(description="The whole list with the current data of each Studio. It is the first frame, and follows each Resync.")
class StudioListSnapshot:
    """Followed by what changes from there."""

    cursor: Cursor = attribute(SNAPSHOT_CURSOR)
    at: datetime = attribute(SNAPSHOT_AT)
    studios: list[Studio] = attribute("The Studios that match the filter, sorted by name.")

    is_type_of = exactly(StudioListSnapshotRow)


@strawberry.type(description="A Studio was added to the list, because it was created or matches the filter now.")
class StudioEntered:
    """B82."""

    cursor: Cursor = attribute(FRAME_CURSOR)
    studio: Studio = attribute("The current data of the Studio.")

    is_type_of = exactly(StudioEnteredRow)


@strawberry.type(description="A Studio of the list has changed. One frame can include several changes.")
class StudioChanged:
    """B82."""

    cursor: Cursor = attribute(FRAME_CURSOR)
    studio: Studio = attribute("The current data of the Studio.")

    is_type_of = exactly(StudioChangedRow)


@strawberry.type(description="A Studio was removed from the list, because it was deleted or no longer matches the filter.")
class StudioLeft:
    """B82."""

    cursor: Cursor = attribute(FRAME_CURSOR)
    studio_id: strawberry.ID = node_id("Studio", "The id of the Studio.", attribute="studio_id")

    is_type_of = exactly(StudioLeftRow)


@strawberry.type(
    description="All users who are connected to the session of a Studio. It is the first frame, and comes again after every change."
)
class ConnectedUsersSnapshot:
    """B52."""

    cursor: Cursor = attribute(SNAPSHOT_CURSOR)
    at: datetime = attribute(SNAPSHOT_AT)
    studio_id: strawberry.ID = node_id("Studio", "The id of the Studio.", attribute="studio_id")
    connected_users: list[ConnectedUser] = attribute("The connected users; who connected first comes first.")

    is_type_of = exactly(ConnectedUsersSnapshotRow)


StudioStatusFrame = Annotated[
    StudioStatusSnapshot | StudioStatusEvent | Heartbeat | Resync,
    strawberry.union("StudioStatusFrame", description="A frame of the subscription `studioStatusChanged`."),
]
StudioEventFrame = Annotated[
    StudioStatusSnapshot
    | StudioStatusEvent
    | CheckpointEvent
    | MigrationEvent
    | ConnectedUsersEvent
    | ConnectionErrorEvent
    | DisruptionWarningEvent
    | StudioEditedEvent
    | StudioDeletedEvent
    | Heartbeat
    | Resync,
    strawberry.union("StudioEventFrame", description="A frame of the subscription `studioEvents`."),
]
ConnectionErrorFrame = Annotated[
    ConnectionErrorEvent | DisruptionWarningEvent | Heartbeat | Resync,
    strawberry.union("ConnectionErrorFrame", description="A frame of the subscription `connectionErrors`."),
]
StudioListFrame = Annotated[
    StudioListSnapshot | StudioEntered | StudioChanged | StudioLeft | Heartbeat | Resync,
    strawberry.union("StudioListFrame", description="A frame of the subscription `studios`."),
]
ConnectedUsersFrame = Annotated[
    ConnectedUsersSnapshot | Heartbeat | Resync,
    strawberry.union("ConnectedUsersFrame", description="A frame of the subscription `connectedUsers`."),
]
LogFrame = Annotated[
    LogChunk | LogEnded | Heartbeat,
    strawberry.union("LogFrame", description="A frame of the subscription `studioLogs`."),
]
