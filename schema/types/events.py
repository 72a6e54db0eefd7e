"""The GraphQL types of events, one for each kind."""

from datetime import datetime

import strawberry

from resolvers.loaders import checkpoints, migration_attempts, studios, users
from schema.enums import CheckpointStatus, ConnectionErrorCode, MigrationState, StopReason, StudioStatus, describe
from schema.fields import attribute, batched, derived, exactly, node_id
from schema.inputs.field_paths import input_path
from schema.types.audit import Event
from schema.types.checkpoint import Checkpoint
from schema.types.migration import MigrationAttempt
from schema.types.people import User
from schema.types.studio import Studio
from services.domain.event_payloads import CheckpointChange, PresenceChange
from services.rows.events import (
    CheckpointEventRow,
    ConnectedUsersEventRow,
    ConnectionErrorEventRow,
    DisruptionWarningEventRow,
    MigrationEventRow,
    StudioDeletedEventRow,
    StudioEditedEventRow,
    StudioStatusEventRow,
)

describe(
    CheckpointChange,
    "The kind of change of a checkpoint.",
    {
        "CREATED": "The checkpoint was created, still empty, together with its session.",
        "SAVED": "The files of the session were saved.",
        "RENAMED": "The name of the checkpoint was changed.",
        "INVALIDATED": "The saved data was found to be missing or damaged.",
        "REVALIDATED": "The saved data, which had been found to be missing or damaged, is there again.",
        "DELETED": "The saved data was deleted.",
    },
)
describe(
    PresenceChange,
    "Whether a user connected or disconnected.",
    {
        "JOINED": "The user opened the session in a first browser tab.",
        "LEFT": "The user closed the last browser tab, or its connection was lost.",
    },
)


@strawberry.interface(description="An event of a Studio in the event log of its workspace.")
class StudioEvent(Event):
    """B86."""

    studio_id: strawberry.ID = node_id("Studio", "The id of the Studio, also after the Studio was deleted.", attribute="studio_id")
    studio_name: str = attribute("The name of the Studio at the time of the event.")
    studio: Studio | None = batched(studios.by_id, "The current data of the Studio. Null after the Studio was deleted.", of="studio_id")


@strawberry.type(description="A Studio was created or entered another status.")
class StudioStatusEvent(StudioEvent):
    """B83."""

    previous_status: StudioStatus | None = attribute("The status before this transition. Null for the event that created the Studio.")
    status: StudioStatus = attribute("The status after this transition.")
    status_message: str | None = attribute(
        "More about the status at the time of the event, as text for people. Null if there is nothing to add."
    )
    stop_reason: StopReason | None = attribute("The reason why the session ended or is ending. Null if no session is ending or has ended.")

    is_type_of = exactly(StudioStatusEventRow)


@strawberry.type(description="A user changed the name, description or configuration of a Studio.")
class StudioEditedEvent(StudioEvent):
    """B14."""

    revision: int = attribute("The revision of the Studio after the change.")
    fields: list[str] = derived(
        input_path, "The names of the changed fields, as in `UpdateStudioInput`, for example `name` or `memoryMiB`.", of="fields"
    )

    is_type_of = exactly(StudioEditedEventRow)


@strawberry.type(description="A Studio was deleted. Streams of this Studio alone end after this event.")
class StudioDeletedEvent(StudioEvent):
    """B22."""

    is_type_of = exactly(StudioDeletedEventRow)


@strawberry.type(description="A checkpoint of a Studio was created, saved, renamed or deleted, or was found to be invalid.")
class CheckpointEvent(StudioEvent):
    """B30."""

    checkpoint: Checkpoint | None = batched(
        checkpoints.by_id, "The current data of the checkpoint. Null if the checkpoint no longer exists.", of="checkpoint_id"
    )
    checkpoint_id: strawberry.ID = node_id("Checkpoint", "The id of the checkpoint.", attribute="checkpoint_id")
    checkpoint_name: str = attribute("The name of the checkpoint at the time of the event.")
    checkpoint_status: CheckpointStatus = attribute("The status of the checkpoint at the time of the event.")
    change: CheckpointChange = attribute("The kind of the change.")

    is_type_of = exactly(CheckpointEventRow)


@strawberry.type(
    description="A migration of a Studio began or got a result. There is an event of the original and one of the new Studio each time."
)
class MigrationEvent(StudioEvent):
    """B75."""

    attempt: MigrationAttempt | None = batched(
        migration_attempts.by_id, "The current data of the attempt. Null once both Studios are deleted.", of="attempt_id"
    )
    state: MigrationState = attribute("The state of the attempt after the change.")

    is_type_of = exactly(MigrationEventRow)


@strawberry.type(description="A user connected to the session of a Studio, or disconnected from it.")
class ConnectedUsersEvent(StudioEvent):
    """B52."""

    user: User | None = batched(users.by_id, "The current data of the user. Null if the account no longer exists.", of="user_id")
    user_name: str = attribute("The user name at the time of the event.")
    change: PresenceChange = attribute("Whether the user connected or disconnected.")

    is_type_of = exactly(ConnectedUsersEventRow)


USER_HIT = "The user whose connections are concerned. Null if all connected users are concerned."


@strawberry.type(description="Connections to the session of a Studio ended, or could not be made.")
class ConnectionErrorEvent(StudioEvent):
    """B57."""

    user: User | None = batched(users.by_id, USER_HIT, of="user_id")
    code: ConnectionErrorCode = attribute("The reason as a code for programs.")
    reason: str = attribute("The reason as text for people.")
    retryable: bool = attribute("Whether the client should try to connect again later.")

    is_type_of = exactly(ConnectionErrorEventRow)


@strawberry.type(description="A warning that connections to the session of a Studio will end.")
class DisruptionWarningEvent(StudioEvent):
    """B57."""

    user: User | None = batched(users.by_id, USER_HIT, of="user_id")
    code: ConnectionErrorCode = attribute("The reason as a code for programs; the later ConnectionErrorEvent has the same code.")
    reason: str = attribute("The reason as text for people.")
    planned_at: datetime | None = attribute("The time at which the connections will end. Null if the time is not known.")

    is_type_of = exactly(DisruptionWarningEventRow)
