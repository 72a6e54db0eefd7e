"""The GraphQL types of sessions."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import checkpoints, compute_environments, sessions, studios, templates, users
from resolvers.loaders import logs as log_loaders
from schema.enums import StopReason
from schema.fields import attribute, batched, exactly, node_id
from schema.scalars import Cursor
from schema.types.checkpoint import Checkpoint
from schema.types.compute import ComputeEnvironment, Template
from schema.types.logs import LogPage, session_log_arguments
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from schema.types.studio_parts import SessionConfiguration
from services.rows.studio import SessionRow

if TYPE_CHECKING:
    from schema.types.people import User
    from schema.types.studio import Studio


@strawberry.type(description="A session: one run of a Studio, from start to stop.")
class Session(Node):
    """What ran, where, for how long, and how it ended."""

    id: strawberry.ID = node_id("Session")
    number: int = attribute("The number of the session in its Studio. The first session is 1.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio of the session. Null if the Studio was deleted.", of="studio_id"
    )
    started_by: Annotated["User", strawberry.lazy("schema.types.people")] = batched(
        users.by_id, "The user who started the session.", of="started_by_id"
    )
    template: Template = batched(templates.by_id, "The template that the session runs.", of="template_id")
    compute_environment: ComputeEnvironment | None = batched(
        compute_environments.by_id,
        "The compute environment in which the session runs. Null if the compute environment was deleted.",
        of="compute_environment_id",
    )
    configuration: SessionConfiguration = batched(
        sessions.configurations, "The configuration of the session, with the overrides of its start.", of="id"
    )
    checkpoint: Checkpoint | None = batched(
        checkpoints.by_id, "The checkpoint to which the session is saved. Null if the checkpoint no longer exists.", of="checkpoint_id"
    )
    stop_reason: StopReason | None = attribute("The reason why the session ended. Null if it has not ended.")
    exit_code: int | None = attribute(
        "The exit code of the main process of the tool. Null if it has not ended, or if the code is not known."
    )
    out_of_memory: bool = attribute("Whether the session ended because it needed more memory than its limit.")
    created_at: datetime = attribute("The time at which the session was requested.")
    running_at: datetime | None = attribute("The time at which the tool first answered. Null if it has not answered yet, or never did.")
    expires_at: datetime | None = attribute(
        "The time at which the lifespan ends, or would have ended. Null before the tool first answers, and for a lifespan without limit."
    )
    idle_stops_at: datetime | None = attribute(
        "The time at which the session is stopped if nobody uses it. Null before the tool first answers, and if the workspace sets no "
        "idle limit."
    )
    last_active_at: datetime | None = attribute(
        "The time of the last use, accurate to about 30 seconds. Null if nobody has used the session."
    )
    ended_at: datetime | None = attribute("The time at which the session ended. Null if it has not ended.")

    logs: LogPage = batched(
        log_loaders.of_sessions, "The output of the session: the newest bytes, or those after an offset.", arguments=session_log_arguments
    )

    is_type_of = exactly(SessionRow)


@strawberry.type(description="A session in a page, with its cursor.")
class SessionEdge:
    """Relay's edge."""

    node: Session = attribute("The session at this position.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="A page of the sessions of a Studio.")
class SessionConnection:
    """Relay's connection."""

    edges: list[SessionEdge] = attribute(EDGES)
    nodes: list[Session] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(sessions.total, TOTAL, of="scope")
