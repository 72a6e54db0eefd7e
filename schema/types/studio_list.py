"""Lists of Studios: what is asked for, and what comes."""

from typing import Annotated

import strawberry

from resolvers.loads import studios
from schema.enums import OrderDirection, StudioOrderField, StudioStatus
from schema.field_policies import Mark, described
from schema.fields import attribute, batched, exactly
from schema.ids import BadId, decode
from schema.scalars import Cursor
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from schema.types.studio import Studio
from services.domain.errors import BadArgument
from services.rows.organizations import StatusCountRow
from services.search.selection import BY_NAME, EVERYTHING
from services.search.selection import StudioFilter as Selection
from services.search.selection import StudioOrder as Ordering

MAX_IDS = 100
MAX_TEXT = 200


@strawberry.input(description="Which Studios: all that is given must hold. Lists: any of them will do; an empty one matches nothing.")
class StudioFilter:
    """What is null is left open."""

    statuses: list[StudioStatus] | None = strawberry.field(default=None, description="In one of these statuses.")
    owners: list[strawberry.ID] | None = strawberry.field(default=None, description="Created by one of these users.")
    templates: list[strawberry.ID] | None = strawberry.field(default=None, description="Running one of these templates.")
    compute_environments: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Running on one of these compute environments."
    )
    starred: bool | None = strawberry.field(default=None, description=described("With the viewer's star, or without it.", (Mark.VIEWER,)))
    connected: bool | None = strawberry.field(default=None, description="With somebody connected, or with nobody.")
    name_contains: str | None = strawberry.field(
        default=None, description=f"With this in the name, in any case; at most {MAX_TEXT} characters."
    )

    def selection(self) -> Selection:
        """As the domain takes it. Raises BadArgument."""
        return Selection(
            statuses=None if self.statuses is None else tuple(sorted(set(self.statuses))),
            owners=_row_ids(self.owners, "User", "owners"),
            templates=_row_ids(self.templates, "Template", "templates"),
            compute_environments=_row_ids(self.compute_environments, "ComputeEnvironment", "computeEnvironments"),
            starred=self.starred,
            connected=self.connected,
            name_contains=_text(self.name_contains),
        )


@strawberry.input(description="The order of a list of Studios; equal ones are sorted by id.")
class StudioOrder:
    """One field."""

    field: StudioOrderField = strawberry.field(default=StudioOrderField.NAME, description="What to sort by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which end comes first.")

    def order(self) -> Ordering:
        """As the domain takes it."""
        return Ordering(self.field.value, self.direction is OrderDirection.DESC)


Filter = Annotated[StudioFilter | None, strawberry.argument(description="Which Studios; all if it is not given.")]
Order = Annotated[StudioOrder | None, strawberry.argument(description="In which order; by name if it is not given.")]


def selection_of(given: StudioFilter | None) -> Selection:
    """Raises BadArgument."""
    return given.selection() if given else EVERYTHING


def order_of(given: StudioOrder | None) -> Ordering:
    """By name if nothing is given."""
    return given.order() if given else BY_NAME


def _row_ids(given: list[strawberry.ID] | None, type_name: str, name: str) -> tuple[str, ...] | None:
    if given is None:
        return None
    if len(given) > MAX_IDS:
        raise BadArgument("filter", "OUT_OF_RANGE", f"`filter.{name}` takes at most {MAX_IDS} ids.")
    try:
        return tuple(sorted({decode(text, type_name) for text in given}))
    except BadId as error:
        raise BadArgument("filter", "BAD_ID", f"In `filter.{name}`: {error.message}") from error


def _text(given: str | None) -> str | None:
    if given is not None and (len(given) > MAX_TEXT or not given.isprintable()):
        raise BadArgument("filter", "OUT_OF_RANGE", f"`filter.nameContains` takes at most {MAX_TEXT} characters that can be seen.")
    return given


@strawberry.type(description="A Studio in a list.")
class StudioEdge:
    """Relay's edge."""

    node: Studio = attribute("The Studio.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="Some of a workspace's Studios.")
class StudioConnection:
    """Relay's connection."""

    edges: list[StudioEdge] = attribute(EDGES)
    nodes: list[Studio] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(studios.totals, TOTAL, of="scope")


@strawberry.type(description="How many Studios have a status.")
class StatusCount:
    """For the numbers beside a list's filter."""

    status: StudioStatus = attribute("The status.")
    count: int = attribute("How many have it.")

    is_type_of = exactly(StatusCountRow)
