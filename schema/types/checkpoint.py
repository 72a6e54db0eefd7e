"""The GraphQL types of checkpoints."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import checkpoints, studios, users
from schema.enums import CheckpointStatus, CheckpointUseKind
from schema.fields import attribute, batched, exactly, node_id
from schema.scalars import BigInt, Cursor
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from services.rows.studio import CheckpointRow, CheckpointUseRow

if TYPE_CHECKING:
    from schema.types.people import User
    from schema.types.studio import Studio


@strawberry.type(description="One use of a checkpoint, for which its data cannot be deleted.")
class CheckpointUse:
    """B35."""

    kind: CheckpointUseKind = attribute("The kind of the use.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio that needs the checkpoint. Null if it was deleted meanwhile.", of="studio_id"
    )

    is_type_of = exactly(CheckpointUseRow)


@strawberry.type(description="One saved file system of a session.")
class Checkpoint(Node):
    """B30, B32."""

    id: strawberry.ID = node_id("Checkpoint")
    name: str = attribute("The name of the checkpoint, unique in its Studio.")
    status: CheckpointStatus = attribute("How complete the saved data is.")
    author: Annotated["User", strawberry.lazy("schema.types.people")] = batched(
        users.by_id, "The user who started the session, or who asked for the checkpoint.", of="author_id"
    )
    created_at: datetime = attribute("The time at which the session, or the checkpoint itself, was requested.")
    saved_at: datetime | None = attribute("The time of the newest save. Null before the first save.")
    size: BigInt | None = attribute(
        "The size of the saved data in bytes. In a Docker compute environment only what was added since `parent` counts. Null before the "
        "first save."
    )
    session_number: int = attribute("The number of the session whose files were saved.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio of the session. Null after the Studio was deleted.", of="studio_id"
    )
    parent: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoints.by_id,
        "The checkpoint from which the session started. Null if it started from the image of the template alone.",
        of="parent_id",
    )

    deleted_at: datetime | None = attribute("The time at which the data was deleted. Null if it was not.")
    needed_by: list[CheckpointUse] = batched(
        checkpoints.uses, "What needs the data of the checkpoint, so that it cannot be deleted now. Empty if nothing does.", of="id"
    )

    is_type_of = exactly(CheckpointRow)


@strawberry.type(description="A checkpoint in a page, with its cursor.")
class CheckpointEdge:
    """Relay's edge."""

    node: Checkpoint = attribute("The checkpoint at this position.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="A page of the checkpoints of a Studio.")
class CheckpointConnection:
    """Relay's connection."""

    edges: list[CheckpointEdge] = attribute(EDGES)
    nodes: list[Checkpoint] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(checkpoints.total, TOTAL, of="scope")
