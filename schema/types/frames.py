"""The frames of subscriptions: each stream gives a union of what it can say (docs/architecture.md#live-streams)."""

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

SNAPSHOT_CURSOR = "The place in the log that this belongs to: everything up to it shows here, everything after it follows."
SNAPSHOT_AT = "When this was read."
FRAME_CURSOR = "The newest event that this takes into account."

describe(
    ResyncReason,
    "Why a stream could not go on from a cursor.",
    {
        "RETENTION": "The cursor is older than what the log still holds.",
        "UNKNOWN_CURSOR": "The log has no such place: it is another log's, or a backup was restored.",
    },
)


@strawberry.type(description="All is well: everything up to the cursor was given. Comes at least every 15 seconds.")
class Heartbeat:
    """B83: a cursor to reconnect with, also where nothing happens."""

    cursor: Cursor = attribute("The newest place to go on from.")
    at: datetime = attribute("When this was sent.")

    is_type_of = exactly(HeartbeatItem)


@strawberry.type(
    description="What happened since the given cursor cannot be told: take the state from the snapshot that follows, or read it."
)
class Resync:
    """B83: never a silent gap."""

    reason: ResyncReason = attribute("Why.")
    cursor: Cursor = attribute("Where the stream goes on.")

    is_type_of = exactly(ResyncItem)


@strawberry.type(description="How all Studios of a stream's scope stand. The first frame, unless `after` was given; and after a Resync.")
class StudioStatusSnapshot:
    """Followed by what happens from there."""

    cursor: Cursor = attribute(SNAPSHOT_CURSOR)
    at: datetime = attribute(SNAPSHOT_AT)
    studios: list[Studio] = attribute("The Studios, by name.")

    is_type_of = exactly(StudioStatusSnapshotRow)


@strawberry.type(description="The whole list. The first frame, and after a Resync.")
class StudioListSnapshot:
    """Followed by what changes from there."""

    cursor: Cursor = attribute(SNAPSHOT_CURSOR)
    at: datetime = attribute(SNAPSHOT_AT)
    studios: list[Studio] = attribute("The Studios that match, by name.")

    is_type_of = exactly(StudioListSnapshotRow)


@strawberry.type(description="A Studio belongs to the list from now on: it was created, or matches the filter now.")
class StudioEntered:
    """B82."""

    cursor: Cursor = attribute(FRAME_CURSOR)
    studio: Studio = attribute("The Studio as it is now.")

    is_type_of = exactly(StudioEnteredRow)


@strawberry.type(description="A Studio of the list changed. Several changes may show as one.")
class StudioChanged:
    """B82."""

    cursor: Cursor = attribute(FRAME_CURSOR)
    studio: Studio = attribute("The Studio as it is now.")

    is_type_of = exactly(StudioChangedRow)


@strawberry.type(description="A Studio does not belong to the list any more: it was deleted, or does not match the filter now.")
class StudioLeft:
    """B82."""

    cursor: Cursor = attribute(FRAME_CURSOR)
    studio_id: strawberry.ID = node_id("Studio", "The Studio's id.", attribute="studio_id")

    is_type_of = exactly(StudioLeftRow)


@strawberry.type(description="Everybody who is connected to a Studio's session. Comes first, and again whenever somebody comes or goes.")
class ConnectedUsersSnapshot:
    """B52."""

    cursor: Cursor = attribute(SNAPSHOT_CURSOR)
    at: datetime = attribute(SNAPSHOT_AT)
    studio_id: strawberry.ID = node_id("Studio", "The Studio's id.", attribute="studio_id")
    connected_users: list[ConnectedUser] = attribute("The users, first come first.")

    is_type_of = exactly(ConnectedUsersSnapshotRow)


StudioStatusFrame = Annotated[
    StudioStatusSnapshot | StudioStatusEvent | Heartbeat | Resync,
    strawberry.union("StudioStatusFrame", description="What `studioStatusChanged` gives."),
]
StudioEventFrame = Annotated[
    StudioStatusSnapshot
    | StudioStatusEvent
    | CheckpointEvent
    | ConnectedUsersEvent
    | ConnectionErrorEvent
    | DisruptionWarningEvent
    | StudioEditedEvent
    | StudioDeletedEvent
    | Heartbeat
    | Resync,
    strawberry.union("StudioEventFrame", description="What `studioEvents` gives."),
]
ConnectionErrorFrame = Annotated[
    ConnectionErrorEvent | DisruptionWarningEvent | Heartbeat | Resync,
    strawberry.union("ConnectionErrorFrame", description="What `connectionErrors` gives."),
]
StudioListFrame = Annotated[
    StudioListSnapshot | StudioEntered | StudioChanged | StudioLeft | Heartbeat | Resync,
    strawberry.union("StudioListFrame", description="What `studios` gives."),
]
ConnectedUsersFrame = Annotated[
    ConnectedUsersSnapshot | Heartbeat | Resync,
    strawberry.union("ConnectedUsersFrame", description="What `connectedUsers` gives."),
]
LogFrame = Annotated[
    LogChunk | LogEnded | Heartbeat,
    strawberry.union("LogFrame", description="What `studioLogs` gives."),
]
