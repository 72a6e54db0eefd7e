"""The parts that all connections share."""

import strawberry

from schema.scalars import Cursor


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether the page was asked for `after` a place.")
    start_cursor: Cursor | None = strawberry.field(description="The first edge's cursor; null on an empty page.")
    end_cursor: Cursor | None = strawberry.field(description="The last edge's cursor: what to give as `after` for the next page.")


EDGE_CURSOR = "Its place in the list: what to give as `after` to go on behind it."
EDGES = "What is on this page, with the place of each."
NODES = "What is on this page, without the places."
PAGE_INFO = "Whether there is more, and how to read on."
TOTAL = "How many there are on all pages; counted only when asked for."
