"""The GraphQL types of checkpoints."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import checkpoints, studios, templates, users
from resolvers.loaders.checkpoints import CheckpointArguments
from resolvers.pagination import DEFAULT_FIRST, page_arguments
from schema.enums import CheckpointStatus, CheckpointUseKind
from schema.fields import After, First, attribute, batched, exactly, node_id
from schema.scalars import BigInt, Cursor
from schema.search_text import MAX_SEARCH_LENGTH, search_text
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from services.rows.studio import CheckpointRow, CheckpointUseRow, DerivedStudioRow, LineageRow
from services.store.inheritance import MAX_DEPTH
from services.store.reads.lineage import MAX_DERIVED

if TYPE_CHECKING:
    from schema.types.compute import Template
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
    pause_seconds: float | None = attribute(
        "The seconds for which the processes of the session stood still during the newest save, at most. 0 for a save after the end of the "
        "session. Null before the first save."
    )
    session_number: int = attribute(
        "The number of the session whose files were saved. 0 for the files that a migration put over a newer template."
    )
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio of the session. Null after the Studio was deleted.", of="studio_id"
    )
    parent: Annotated["Checkpoint", strawberry.lazy("schema.types.checkpoint")] | None = batched(
        checkpoints.by_id,
        "The checkpoint from which the session started. Null if it started from the image of the template alone.",
        of="parent_id",
    )

    template: Annotated["Template", strawberry.lazy("schema.types.compute")] | None = batched(
        templates.by_id, "The template that the session ran. Null if it was removed.", of="template_id"
    )
    is_inherited: bool = attribute(
        "Whether the checkpoint is one of another Studio, from which the Studio in whose list it is was made. False outside such lists.",
        name="inherited",
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


@strawberry.type(description="A Studio that was made from a checkpoint of another one, at once or through others.")
class DerivedStudio:
    """B36."""

    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio that was made. Null if it was deleted meanwhile.", of="studio_id"
    )
    checkpoint: Checkpoint = batched(
        checkpoints.by_id, "The checkpoint of the original Studio from which the history of the other one goes on.", of="checkpoint_id"
    )

    is_type_of = exactly(DerivedStudioRow)


@strawberry.type(description="What a Studio comes from, and what was made from it.")
class Lineage:
    """B36."""

    ancestors: list[Checkpoint] = batched(
        checkpoints.ancestors,
        f"The checkpoints of other Studios from which this one comes, the nearest first; at most {MAX_DEPTH}. Deleted ones are included.",
        of="studio_id",
    )
    derived: list[DerivedStudio] = batched(
        checkpoints.derived_studios,
        f"The Studios that come from this one, the newest first; at most {MAX_DERIVED}.",
        of="studio_id",
    )

    is_type_of = exactly(LineageRow)


Search = Annotated[
    str | None,
    strawberry.argument(
        description=f"Only checkpoints whose name contains this text of at most {MAX_SEARCH_LENGTH} characters. Upper and lower case count "
        "as equal. If omitted or null, all."
    ),
]


def checkpoint_arguments(search: Search = None, first: First = DEFAULT_FIRST, after: After = strawberry.UNSET) -> CheckpointArguments:
    """Returns the arguments of a connection of checkpoints. Raises BadArgument."""
    return CheckpointArguments(page_arguments(first, after), search_text(search, "search", "search"))
