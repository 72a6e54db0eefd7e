"""What happened to Studios: one type for each kind of event."""

from datetime import datetime

import strawberry

from resolvers.loads import checkpoints, studios, users
from schema.enums import CheckpointStatus, ConnectionErrorCode, StopReason, StudioStatus, describe
from schema.fields import attribute, batched, exactly, node_id
from schema.types.audit import Event
from schema.types.checkpoint import Checkpoint
from schema.types.people import User
from schema.types.studio import Studio
from services.domain.event_payloads import CheckpointChange, PresenceChange
from services.rows.events import (
    CheckpointEventRow,
    ConnectedUsersEventRow,
    ConnectionErrorEventRow,
    DisruptionWarningEventRow,
    StudioDeletedEventRow,
    StudioEditedEventRow,
    StudioStatusEventRow,
)

describe(
    CheckpointChange,
    "What happened to a checkpoint.",
    {
        "CREATED": "Its session began.",
        "SAVED": "The session was saved into it.",
        "RENAMED": "It got another name.",
        "INVALIDATED": "Its data was found missing or damaged.",
        "DELETED": "Its data was deleted.",
    },
)
describe(PresenceChange, "Whether a user came or went.", {"JOINED": "Opened a first tab.", "LEFT": "Closed the last tab, or was lost."})


@strawberry.interface(description="Something that happened to a Studio, as it stands in the workspace's log.")
class StudioEvent(Event):
    """B86."""

    studio_id: strawberry.ID = node_id("Studio", "The Studio's id; it outlives the Studio.", attribute="studio_id")
    studio_name: str = attribute("The Studio's name as it was then.")
    studio: Studio | None = batched(studios.by_id, "The Studio as it is now; null once it was deleted.", of="studio_id")


@strawberry.type(description="A Studio entered a status.")
class StudioStatusEvent(StudioEvent):
    """B83."""

    previous_status: StudioStatus | None = attribute("Where it came from; null when it was created.")
    status: StudioStatus = attribute("What it entered.")
    status_message: str | None = attribute("More about it, in words for people, as of then.")
    stop_reason: StopReason | None = attribute("Why the session ended, or is ending.")

    is_type_of = exactly(StudioStatusEventRow)


@strawberry.type(description="Somebody changed a Studio's configuration.")
class StudioEditedEvent(StudioEvent):
    """B14."""

    revision: int = attribute("The number that the configuration got.")
    fields: list[str] = attribute("The names of what was changed.")

    is_type_of = exactly(StudioEditedEventRow)


@strawberry.type(description="A Studio was deleted. Streams of that Studio end after this.")
class StudioDeletedEvent(StudioEvent):
    """B22."""

    is_type_of = exactly(StudioDeletedEventRow)


@strawberry.type(description="A checkpoint of a Studio came, changed or went.")
class CheckpointEvent(StudioEvent):
    """B30."""

    checkpoint: Checkpoint | None = batched(checkpoints.by_id, "The checkpoint as it is now; null once it is gone.", of="checkpoint_id")
    checkpoint_id: strawberry.ID = node_id("Checkpoint", "The checkpoint's id.", attribute="checkpoint_id")
    checkpoint_name: str = attribute("Its name as of then.")
    checkpoint_status: CheckpointStatus = attribute("Its status as of then.")
    change: CheckpointChange = attribute("What happened to it.")

    is_type_of = exactly(CheckpointEventRow)


@strawberry.type(description="A user connected to a Studio's session, or left it.")
class ConnectedUsersEvent(StudioEvent):
    """B52."""

    user: User | None = batched(users.by_id, "The user as they are now.", of="user_id")
    user_name: str = attribute("The user's short name as of then.")
    change: PresenceChange = attribute("Whether they came or went.")

    is_type_of = exactly(ConnectedUsersEventRow)


USER_HIT = "The user whose connections are meant; null = everybody who is connected."


@strawberry.type(description="Connections to a Studio's session were ended, or could not be made.")
class ConnectionErrorEvent(StudioEvent):
    """B57."""

    user: User | None = batched(users.by_id, USER_HIT, of="user_id")
    code: ConnectionErrorCode = attribute("Why, for programs.")
    reason: str = attribute("Why, in words for people.")
    retryable: bool = attribute("Whether the same connection can work again later.")

    is_type_of = exactly(ConnectionErrorEventRow)


@strawberry.type(description="Connections to a Studio's session are about to be ended.")
class DisruptionWarningEvent(StudioEvent):
    """B57."""

    user: User | None = batched(users.by_id, USER_HIT, of="user_id")
    code: ConnectionErrorCode = attribute("Why, for programs: the code that the error will have.")
    reason: str = attribute("Why, in words for people.")
    planned_at: datetime | None = attribute("When it is planned for; null = at once.")

    is_type_of = exactly(DisruptionWarningEventRow)
