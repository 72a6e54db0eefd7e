"""A Studio."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import studios as rules
from resolvers.loads import checkpoints as checkpoint_loads
from resolvers.loads import compute_environments, operations, studios, templates, users, workspaces
from resolvers.loads import events as event_loads
from resolvers.loads import logs as log_loads
from resolvers.loads import sessions as session_loads
from resolvers.loads import stats as stats_loads
from resolvers.pagination import DEFAULT_FIRST
from schema.authorized import AuthorizedViewer, field
from schema.enums import OrderDirection, StopReason, StudioStatus
from schema.field_policies import Mark
from schema.fields import After, First, attribute, batched, computed, exactly, node_id, paged
from schema.types.event_list import Direction, EventConnection, event_arguments
from schema.types.logs import AfterOffset, Bytes, LogPage, SessionNumber, Source
from schema.types.node import Node
from schema.types.studio_parts import AvailableAction, ConnectedUser, StudioConfiguration
from services.domain.access import Permission
from services.rows.studio import StudioRow

if TYPE_CHECKING:
    from schema.types.checkpoint import Checkpoint, CheckpointConnection
    from schema.types.compute import ComputeEnvironment, Template
    from schema.types.operation import ProgressStep
    from schema.types.people import User
    from schema.types.session import SessionConnection
    from schema.types.stats import SessionStats
    from schema.types.workspace import Workspace


@strawberry.type(description="A named, configured interactive analysis environment in a workspace.")
class Studio(Node):
    """The configuration, what goes on now, and what its runs left."""

    id: strawberry.ID = node_id("Studio")
    public_id: str = attribute("The short id in its address; never changes.")
    name: str = attribute("Its name, unique in the workspace.")
    description: str | None = batched(studios.details, "What it is for.", of="id", pick=lambda details: details.description)
    revision: int = attribute("The number of its configuration: one more with every edit.")
    workspace: Annotated["Workspace", strawberry.lazy("schema.types.workspace")] = batched(workspaces.of_studios, "Where it belongs.")
    owner: Annotated["User", strawberry.lazy("schema.types.people")] = batched(users.by_id, "Who created it.", of="owner_id")
    is_starred: bool = attribute("Whether the viewer marked it with a star.", marks=(Mark.VIEWER,))
    status: StudioStatus = attribute("Where it is in its life.")
    status_message: str | None = attribute("More about the status, in words for people.")
    status_since: datetime = attribute("When it entered the status.")
    stop_reason: StopReason | None = attribute("Why the last session ended, or is ending; null if none did.")
    progress: list[Annotated["ProgressStep", strawberry.lazy("schema.types.operation")]] = batched(
        operations.steps, "The steps of the operation that goes on, or of the last one.", of="operation_id", absent=list
    )
    available_actions: list[AvailableAction] = computed(
        rules.available_actions, "Every action, and whether the viewer may take it now.", marks=(Mark.VIEWER, Mark.NOW)
    )
    template: Annotated["Template", strawberry.lazy("schema.types.compute")] = batched(
        templates.by_id, "The tool it runs.", of="template_id"
    )
    compute_environment: Annotated["ComputeEnvironment", strawberry.lazy("schema.types.compute")] | None = batched(
        compute_environments.by_id, "Where its sessions run; null once that was deleted.", of="compute_environment_id"
    )
    configuration: StudioConfiguration = attribute("What its sessions are given.")
    checkpoints: Annotated["CheckpointConnection", strawberry.lazy("schema.types.checkpoint")] | None = paged(
        checkpoint_loads.pages, "What its sessions saved, the newest first."
    )
    latest_checkpoint: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoint_loads.newest, "The newest saved checkpoint: what the next start begins from.", of="id"
    )
    parent_checkpoint: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoint_loads.by_id, "The checkpoint of another Studio that it was made from.", of="parent_checkpoint_id"
    )
    connected_users: list[ConnectedUser] = batched(studios.connected_users, "Who has the running session open.", of="id")
    stats: Annotated["SessionStats", strawberry.lazy("schema.types.stats")] | None = batched(
        stats_loads.of_studios, "What its running session uses; null unless it runs, and for some seconds after its start.", of="id"
    )
    url: str | None = computed(
        rules.url,
        "The session's address, to open in a browser or to share; null unless it runs and the viewer may connect.",
        marks=(Mark.VIEWER,),
    )
    expires_at: datetime | None = attribute("When the running session reaches its lifespan; null = never, or none runs.")
    idle_stops_at: datetime | None = attribute("When the running session will be stopped if nobody uses it; null = never, or none runs.")
    created_at: datetime = attribute("When it was created.")
    last_started_at: datetime | None = attribute("When it was last started.")
    sessions: Annotated["SessionConnection", strawberry.lazy("schema.types.session")] | None = paged(
        session_loads.pages, "Its runs, the newest first."
    )

    @field("What happened to it.", Permission.WORKSPACE_READ)
    def events(
        self,
        viewer: AuthorizedViewer,
        first: First = DEFAULT_FIRST,
        after: After = strawberry.UNSET,
        direction: Direction = OrderDirection.DESC,
    ) -> EventConnection | None:
        return viewer.load(event_loads.of_studios, self, event_arguments(first, after, direction))

    @field("What its session, or the build of its image, printed: the newest bytes, or those after an offset.", Permission.WORKSPACE_READ)
    def logs(
        self,
        viewer: AuthorizedViewer,
        session: SessionNumber = None,
        source: Source = None,
        after_offset: AfterOffset = None,
        first: Bytes = log_loads.DEFAULT_BYTES,
    ) -> LogPage:
        arguments = log_loads.log_arguments(first, after_offset, session, source)
        return viewer.load(log_loads.of_studios, self.id, arguments)

    is_type_of = exactly(StudioRow)
