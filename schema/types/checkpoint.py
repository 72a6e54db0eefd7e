"""A checkpoint."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loads import checkpoints, studios, users
from schema.enums import CheckpointStatus
from schema.fields import attribute, batched, exactly, node_id
from schema.scalars import BigInt, Cursor
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from services.rows.studio import CheckpointRow

if TYPE_CHECKING:
    from schema.types.people import User
    from schema.types.studio import Studio


@strawberry.type(description="The saved file system of one session.")
class Checkpoint(Node):
    """B30, B32."""

    id: strawberry.ID = node_id("Checkpoint")
    name: str = attribute("Its name, unique in the Studio.")
    status: CheckpointStatus = attribute("How much of the session it holds.")
    author: Annotated["User", strawberry.lazy("schema.types.people")] = batched(users.by_id, "Who started the session.", of="author_id")
    created_at: datetime = attribute("When the session began.")
    saved_at: datetime | None = attribute("When it was last saved; null while it is empty.")
    size: BigInt | None = attribute("What it adds to its parent, in bytes; null while it is empty.")
    session_number: int = attribute("Which run of the Studio it holds.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "Whose session it is; null once that Studio was deleted.", of="studio_id"
    )
    parent: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoints.by_id, "The checkpoint that the session began from; null if it began from the template alone.", of="parent_id"
    )

    is_type_of = exactly(CheckpointRow)


@strawberry.type(description="A checkpoint in a list.")
class CheckpointEdge:
    """Relay's edge."""

    node: Checkpoint = attribute("The checkpoint.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="Some of a Studio's checkpoints.")
class CheckpointConnection:
    """Relay's connection."""

    edges: list[CheckpointEdge] = attribute(EDGES)
    nodes: list[Checkpoint] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(checkpoints.total, TOTAL, of="scope")
