"""The GraphQL connection of logged events, for paging through them."""

from typing import Annotated

import strawberry

from resolvers.loaders import events
from resolvers.loaders.events import EventArguments
from resolvers.pagination import DEFAULT_FIRST, page_arguments
from schema.enums import OrderDirection
from schema.fields import After, First, attribute, batched
from schema.scalars import Cursor
from schema.types.audit import Event
from schema.types.page import EDGES, NODES, PAGE_INFO, TOTAL, PageInfo

Direction = Annotated[
    OrderDirection,
    strawberry.argument(description="The order: DESC for the newest event first, ASC for the oldest first. The default is DESC."),
]


def event_arguments(
    first: First = DEFAULT_FIRST, after: After = strawberry.UNSET, direction: Direction = OrderDirection.DESC
) -> EventArguments:
    """Returns the arguments of a connection of events. Raises BadArgument."""
    return EventArguments(page_arguments(first, after), direction is OrderDirection.DESC)


@strawberry.type(description="An event in a page, with its cursor.")
class EventEdge:
    """Relay's edge."""

    node: Event = attribute("The event at this position.")
    cursor: Cursor = attribute("The position of the event. Pass it as `after` to get what follows, in this list or in a subscription.")


@strawberry.type(description="A page of the events of a workspace or Studio.")
class EventConnection:
    """Relay's connection."""

    edges: list[EventEdge] = attribute(EDGES)
    nodes: list[Event] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(events.totals, TOTAL, of="scope")
