"""The log as a list to look through."""

from typing import Annotated

import strawberry

from resolvers.loads import events
from resolvers.loads.events import EventArguments
from resolvers.pagination import page_arguments
from schema.enums import OrderDirection
from schema.fields import attribute, batched
from schema.scalars import Cursor
from schema.types.audit import Event
from schema.types.page import EDGES, NODES, PAGE_INFO, TOTAL, PageInfo

Direction = Annotated[OrderDirection, strawberry.argument(description="DESC = the newest first, ASC = the oldest first.")]


def event_arguments(first: int | None, after: str | None, direction: OrderDirection) -> EventArguments:
    """Raises BadArgument."""
    return EventArguments(page_arguments(first, after), direction is OrderDirection.DESC)


@strawberry.type(description="An event in a list.")
class EventEdge:
    """Relay's edge."""

    node: Event = attribute("The event.")
    cursor: Cursor = attribute("Its place in the log: what to give as `after` to go on behind it, here or in a subscription.")


@strawberry.type(description="Some of what happened.")
class EventConnection:
    """Relay's connection."""

    edges: list[EventEdge] = attribute(EDGES)
    nodes: list[Event] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(events.totals, TOTAL, of="scope")
