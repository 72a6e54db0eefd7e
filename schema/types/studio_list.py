"""Lists of Studios: filter, order, and connection."""

from typing import Annotated

import strawberry

from resolvers.loaders import studios
from resolvers.loaders.studios import ListArguments
from resolvers.pagination import DEFAULT_FIRST, page_arguments
from schema.enums import OrderDirection, StudioOrderField, StudioStatus
from schema.field_metadata import Mark, described
from schema.fields import After, First, attribute, batched, exactly
from schema.ids import BadId, decode
from schema.scalars import Cursor
from schema.search_text import MAX_SEARCH_LENGTH, search_text
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from schema.types.studio import Studio
from services.domain.errors import BadArgument
from services.rows.organizations import StatusCountRow
from services.search.selection import BY_NAME, EVERYTHING
from services.search.selection import StudioFilter as Selection
from services.search.selection import StudioOrder as Ordering

MAX_IDS = 100


@strawberry.input(
    description="Selects Studios. A Studio must match all given fields. Of a list it must match one item; an empty list matches no Studio."
)
class StudioFilter:
    """What is null is left open."""

    statuses: list[StudioStatus] | None = strawberry.field(
        default=None, description="The Studio has one of these statuses. If omitted or null, any."
    )
    owners: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description=f"The Studio was created by one of the users with these ids, at most {MAX_IDS}. If omitted or null, by anyone.",
    )
    templates: list[strawberry.ID] | None = strawberry.field(
        default=None, description=f"The Studio uses one of the templates with these ids, at most {MAX_IDS}. If omitted or null, any."
    )
    compute_environments: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description=f"The Studio uses one of the compute environments with these ids, at most {MAX_IDS}. If omitted or null, any.",
    )
    starred: bool | None = strawberry.field(
        default=None,
        description=described("True: the viewer has starred the Studio. False: not starred. If omitted or null, both.", (Mark.VIEWER,)),
    )
    connected: bool | None = strawberry.field(
        default=None, description="True: at least one user is connected to the session. False: nobody is. If omitted or null, both."
    )
    name_contains: str | None = strawberry.field(
        default=None,
        description=f"A part of the name of the Studio, at most {MAX_SEARCH_LENGTH} characters. Upper and lower case count as equal. "
        "If omitted or null, any name.",
    )

    def selection(self) -> Selection:
        """Returns the filter of the services. Raises BadArgument."""
        return Selection(
            statuses=None if self.statuses is None else tuple(sorted(set(self.statuses))),
            owners=_row_ids(self.owners, "User", "owners"),
            templates=_row_ids(self.templates, "Template", "templates"),
            compute_environments=_row_ids(self.compute_environments, "ComputeEnvironment", "computeEnvironments"),
            starred=self.starred,
            connected=self.connected,
            name_contains=search_text(self.name_contains, "filter", "filter.nameContains"),
        )


@strawberry.input(description="The order of a list of Studios. Studios with equal values are sorted by id.")
class StudioOrder:
    """One field."""

    field: StudioOrderField = strawberry.field(
        default=StudioOrderField.NAME, description="The value by which the list is sorted. The default is NAME."
    )
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction of the order. The default is ASC.")

    def order(self) -> Ordering:
        """Returns the order of the services."""
        return Ordering(self.field.value, self.direction is OrderDirection.DESC)


Filter = Annotated[
    StudioFilter | None, strawberry.argument(description="Selects the Studios. If omitted or null, all Studios of the workspace.")
]
Order = Annotated[StudioOrder | None, strawberry.argument(description="The order of the list. If omitted or null, by name.")]


def selection_of(studio_filter: StudioFilter | None) -> Selection:
    """Returns which Studios the filter selects: all of them without one. Raises BadArgument."""
    return studio_filter.selection() if studio_filter else EVERYTHING


def list_arguments(
    filter: Filter = strawberry.UNSET,  # noqa: A002 - the contract's word
    order_by: Order = strawberry.UNSET,
    first: First = DEFAULT_FIRST,
    after: After = strawberry.UNSET,
) -> ListArguments:
    """Returns the arguments of `Workspace.studios`. Raises BadArgument."""
    return ListArguments(page_arguments(first, after), selection_of(filter), order_by.order() if order_by else BY_NAME)


def count_arguments(filter: Filter = strawberry.UNSET) -> Selection:  # noqa: A002 - the contract's word
    """Returns the arguments of `Workspace.studioCounts`. Raises BadArgument."""
    return selection_of(filter)


def _row_ids(ids: list[strawberry.ID] | None, type_name: str, name: str) -> tuple[str, ...] | None:
    if ids is None:
        return None
    if len(ids) > MAX_IDS:
        raise BadArgument("filter", "OUT_OF_RANGE", f"`filter.{name}` takes at most {MAX_IDS} ids.")
    try:
        return tuple(sorted({decode(text, type_name) for text in ids}))
    except BadId as error:
        raise BadArgument("filter", "BAD_ID", f"In `filter.{name}`: {error.message}") from error


@strawberry.type(description="A Studio in a page, with its cursor.")
class StudioEdge:
    """Relay's edge."""

    node: Studio = attribute("The Studio at this position.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="A page of the Studios of a workspace.")
class StudioConnection:
    """Relay's connection."""

    edges: list[StudioEdge] = attribute(EDGES)
    nodes: list[Studio] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(studios.totals, TOTAL, of="scope")


@strawberry.type(description="The number of Studios with a status.")
class StatusCount:
    """For the numbers beside a list's filter."""

    status: StudioStatus = attribute("The status that is counted.")
    count: int = attribute("The number of Studios with this status; may be 0.")

    is_type_of = exactly(StatusCountRow)
