"""One run of a Studio."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loads import checkpoints, compute_environments, sessions, studios, templates, users
from resolvers.loads import logs as log_loads
from schema.authorized import AuthorizedViewer, field
from schema.enums import StopReason
from schema.fields import attribute, batched, exactly, node_id
from schema.scalars import Cursor
from schema.types.checkpoint import Checkpoint
from schema.types.compute import ComputeEnvironment, Template
from schema.types.logs import AfterOffset, Bytes, LogPage
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from schema.types.studio_parts import SessionConfiguration
from services.domain.access import Permission
from services.rows.studio import SessionRow

if TYPE_CHECKING:
    from schema.types.people import User
    from schema.types.studio import Studio


@strawberry.type(description="One run of a Studio, from start to stop.")
class Session(Node):
    """What ran, where, for how long, and how it ended."""

    id: strawberry.ID = node_id("Session")
    number: int = attribute("The first run of a Studio is 1.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(studios.by_id, "Whose run it is.", of="studio_id")
    started_by: Annotated["User", strawberry.lazy("schema.types.people")] = batched(users.by_id, "Who started it.", of="started_by_id")
    template: Template = batched(templates.by_id, "The tool it ran.", of="template_id")
    compute_environment: ComputeEnvironment | None = batched(compute_environments.by_id, "Where it ran.", of="compute_environment_id")
    configuration: SessionConfiguration = batched(sessions.configurations, "What it was given.", of="id")
    checkpoint: Checkpoint | None = batched(checkpoints.by_id, "What it saved.", of="checkpoint_id")
    stop_reason: StopReason | None = attribute("Why it ended, or is ending.")
    exit_code: int | None = attribute("How the tool's process ended, where that was seen.")
    out_of_memory: bool = attribute("Whether it was ended because it needed more memory than it was given.")
    created_at: datetime = attribute("When it was asked for.")
    running_at: datetime | None = attribute("When the tool first answered.")
    expires_at: datetime | None = attribute("When its lifespan ends, or would have ended.")
    idle_stops_at: datetime | None = attribute("When it is stopped if nobody uses it.")
    last_active_at: datetime | None = attribute("When somebody last used it.")
    ended_at: datetime | None = attribute("When it was over.")

    @field("What it printed: the newest bytes, or those after an offset.", Permission.WORKSPACE_READ)
    def logs(self, viewer: AuthorizedViewer, after_offset: AfterOffset = None, first: Bytes = log_loads.DEFAULT_BYTES) -> LogPage:
        arguments = log_loads.log_arguments(first, after_offset)
        return viewer.load(log_loads.of_sessions, self, arguments)

    is_type_of = exactly(SessionRow)


@strawberry.type(description="A run in a list.")
class SessionEdge:
    """Relay's edge."""

    node: Session = attribute("The run.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="Some of a Studio's runs.")
class SessionConnection:
    """Relay's connection."""

    edges: list[SessionEdge] = attribute(EDGES)
    nodes: list[Session] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(sessions.total, TOTAL, of="scope")
