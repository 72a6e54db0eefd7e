"""The GraphQL type `Studio`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import studios as rules
from resolvers.loaders import checkpoints as checkpoint_loaders
from resolvers.loaders import compute_environments, migration_attempts, operations, studios, templates, users, workspaces
from resolvers.loaders import events as event_loaders
from resolvers.loaders import logs as log_loaders
from resolvers.loaders import sessions as session_loaders
from resolvers.loaders import stats as stats_loaders
from schema.enums import StopReason, StudioStatus
from schema.field_metadata import Mark
from schema.fields import attribute, batched, computed, derived, exactly, node_id, paged
from schema.types.checkpoint import Lineage, checkpoint_arguments
from schema.types.event_list import EventConnection, event_arguments
from schema.types.logs import LogPage, studio_log_arguments
from schema.types.node import Node
from schema.types.studio_parts import AvailableAction, ConnectedUser, Label, StudioConfiguration
from services.domain.limits import MAX_LABELS
from services.rows.studio import LineageRow, StudioRow
from services.store.reads.migration_attempts import MAX_ATTEMPTS

if TYPE_CHECKING:
    from schema.types.checkpoint import Checkpoint, CheckpointConnection
    from schema.types.compute import ComputeEnvironment, Template
    from schema.types.migration import MigrationAttempt
    from schema.types.operation import ProgressStep
    from schema.types.people import User
    from schema.types.session import SessionConnection
    from schema.types.stats import SessionStats
    from schema.types.workspace import Workspace


@strawberry.type(description="A Studio: a named, configured interactive analysis environment in a workspace.")
class Studio(Node):
    """The configuration, what goes on now, and what its runs left."""

    id: strawberry.ID = node_id("Studio")
    public_id: str = attribute("The short id in the URL of the Studio. It never changes.")
    name: str = attribute("The name of the Studio, unique in the workspace.")
    description: str | None = batched(
        studios.details,
        "What the Studio is for, as text for people. Null if it has no description.",
        of="id",
        pick=lambda details: details.description,
    )
    revision: int = attribute("The revision of the Studio: 1 at first, and one more after every edit.")
    workspace: Annotated["Workspace", strawberry.lazy("schema.types.workspace")] = batched(
        workspaces.of_studios, "The workspace of the Studio."
    )
    owner: Annotated["User", strawberry.lazy("schema.types.people")] = batched(
        users.by_id, "The user who created the Studio.", of="owner_id"
    )
    is_starred: bool = attribute("Whether the viewer has marked the Studio with a star.", marks=(Mark.VIEWER,))
    labels: list[Label] = batched(studios.labels, f"The labels of the Studio, sorted by key; at most {MAX_LABELS}.", of="id")
    status: StudioStatus = attribute("The present status of the Studio.")
    status_message: str | None = attribute("More about the status, as text for people. Null if there is nothing to add.")
    status_since: datetime = attribute("The time at which the Studio entered its present status.")
    stop_reason: StopReason | None = attribute(
        "The reason why the last session ended or is ending. Null while BUILDING, STARTING or RUNNING, and before the first session."
    )
    progress: list[Annotated["ProgressStep", strawberry.lazy("schema.types.operation")]] = batched(
        operations.steps,
        "The steps of the operation in progress, or of the last operation. Empty before the first one.",
        of="operation_id",
        absent=list,
    )
    available_actions: list[AvailableAction] = computed(
        rules.available_actions, "All actions on the Studio, and whether the viewer can take each now.", marks=(Mark.VIEWER, Mark.NOW)
    )
    template: Annotated["Template", strawberry.lazy("schema.types.compute")] = batched(
        templates.by_id, "The template that the sessions run.", of="template_id"
    )
    compute_environment: Annotated["ComputeEnvironment", strawberry.lazy("schema.types.compute")] | None = batched(
        compute_environments.by_id,
        "The compute environment in which the sessions run. Null if the compute environment was deleted.",
        of="compute_environment_id",
    )
    configuration: StudioConfiguration = attribute("The configuration of the sessions.")
    checkpoints: Annotated["CheckpointConnection", strawberry.lazy("schema.types.checkpoint")] | None = paged(
        checkpoint_loaders.pages,
        "The checkpoints of the Studio, the newest first; then those that it inherited from the Studio it was made from. Null if an "
        "argument is invalid; the error says which.",
        arguments=checkpoint_arguments,
    )
    lineage: Lineage = derived(LineageRow, "What the Studio comes from, and what was made from it.", of="id")
    latest_checkpoint: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoint_loaders.newest,
        "The newest saved checkpoint, from which the next session starts. Null if nothing has been saved.",
        of="id",
    )
    parent_checkpoint: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoint_loaders.by_id,
        "The checkpoint of another Studio from which this Studio was created. Null if it was created from a template alone.",
        of="parent_checkpoint_id",
    )
    migration_attempts: list[Annotated["MigrationAttempt", strawberry.lazy("schema.types.migration")]] = batched(
        migration_attempts.of_studios,
        f"The attempts to migrate the Studio to a newer template, and the one that made it; the newest first, at most {MAX_ATTEMPTS}.",
        of="id",
    )
    connected_users: list[ConnectedUser] = batched(
        studios.connected_users, "The users who are connected to the session; who connected first comes first.", of="id"
    )
    stats: Annotated["SessionStats", strawberry.lazy("schema.types.stats")] | None = batched(
        stats_loaders.of_studios,
        "The resources that the running session uses. Null if the Studio is not RUNNING, and in the first seconds of a session.",
        of="id",
    )
    url: str | None = computed(
        rules.url,
        "The URL of the session, to open in a browser or to share. Null if the Studio is not RUNNING, or the viewer may not connect.",
        marks=(Mark.VIEWER,),
    )
    expires_at: datetime | None = attribute(
        "The time at which the lifespan of the present session ends. Null if there is none, before its tool first answers, and for a "
        "lifespan without limit."
    )
    idle_stops_at: datetime | None = attribute(
        "The time at which the present session is stopped if nobody uses it. Null if there is none, before its tool first answers, and "
        "without an idle limit."
    )
    created_at: datetime = attribute("The time at which the Studio was created.")
    last_started_at: datetime | None = attribute("The time of the last start. Null if the Studio was never started.")
    sessions: Annotated["SessionConnection", strawberry.lazy("schema.types.session")] | None = paged(
        session_loaders.pages, "The sessions of the Studio, the newest first. Null if an argument is invalid; the error says which."
    )

    events: EventConnection | None = paged(
        event_loaders.of_studios,
        "The stored events of the Studio. Null if an argument is invalid; the error says which.",
        of=None,
        arguments=event_arguments,
    )
    logs: LogPage = batched(
        log_loaders.of_studios,
        "The output of a session, or of the build of the image: the newest bytes, or those after an offset.",
        of="id",
        arguments=studio_log_arguments,
    )

    is_type_of = exactly(StudioRow)
