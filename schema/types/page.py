"""The GraphQL types that all paged connections share."""

import strawberry

from schema.fields import attribute
from schema.scalars import Cursor


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = attribute("Whether further items follow this page.")
    has_previous_page: bool = attribute("Whether the page was requested with `after`.")
    start_cursor: Cursor | None = attribute("The cursor of the first item. Null if the page is empty.")
    end_cursor: Cursor | None = attribute(
        "The cursor of the last item. Pass it as `after` to get the next page. Null if the page is empty."
    )


EDGE_CURSOR = "The position of the item in the list. Pass it as `after` to get the items that follow."
EDGES = "The items of this page, each with its cursor."
NODES = "The items of this page, without cursors."
PAGE_INFO = "Whether further items follow, and the cursors of this page."
TOTAL = "The number of items on all pages. It is counted only if this field is requested."
