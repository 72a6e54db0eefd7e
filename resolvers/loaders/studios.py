"""Studios: one by one, in lists, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.batches import Reading
from resolvers.loaders.factories import list_each, one_each, unique, window_of
from resolvers.pagination import Key, PageArguments, make_page
from services.domain.statuses import StudioStatus
from services.rows.organizations import StatusCountRow
from services.rows.page import Page
from services.rows.studio import StudioRow
from services.search.selection import BY_NAME, EVERYTHING, StudioFilter, StudioOrder
from services.store.reads import connected, studio_lists
from services.store.reads import studios as reads

by_id = one_each(reads.by_ids)
details = one_each(reads.details)
connected_users = list_each(connected.of_studios)


@dataclass(frozen=True, slots=True)
class ListArguments:
    """Which Studios of a workspace, in which order, from where."""

    page: PageArguments
    wanted: StudioFilter = EVERYTHING
    order: StudioOrder = BY_NAME

    @property
    def order_name(self) -> str:
        """What a cursor of this order says; one of another order is refused."""
        return f"studios {self.order.field} {'desc' if self.order.descending else 'asc'}"

    @property
    def kind(self) -> type:
        """The type of the order's values."""
        return datetime if self.order.field in studio_lists.TIMES else str


@dataclass(frozen=True, slots=True)
class ListScope:
    """What a page of Studios was taken from."""

    workspace_id: str
    wanted: StudioFilter


async def pages(reading: Reading, workspace_ids: Sequence[str], arguments: ListArguments) -> list[Page[StudioRow]]:
    """A page for each workspace."""
    window, order = window_of(arguments.page, arguments.order_name, arguments.kind), arguments.order_name
    ids = unique(workspace_ids)
    found = await studio_lists.pages(reading.reader, reading.viewer.user_id, ids, arguments.wanted, arguments.order, window)
    return [_page(found[workspace_id], order, arguments, workspace_id) for workspace_id in workspace_ids]


def _page(placed: list[studio_lists.Placed], order: str, arguments: ListArguments, workspace_id: str) -> Page[StudioRow]:
    values = {row.id: value for row, value in placed}
    rows = [row for row, _ in placed]
    return make_page(rows, lambda row: Key(order, values[row.id], row.id), arguments.page, ListScope(workspace_id, arguments.wanted))


async def totals(reading: Reading, scopes: Sequence[ListScope], _arguments: None) -> list[int]:
    """How many Studios each scope has; one statement for each filter among them."""
    found: dict[ListScope, int] = {}
    for wanted in dict.fromkeys(scope.wanted for scope in scopes):
        ids = unique([scope.workspace_id for scope in scopes if scope.wanted == wanted])
        counted = await studio_lists.count(reading.reader, reading.viewer.user_id, ids, wanted)
        found |= {ListScope(workspace_id, wanted): number for workspace_id, number in counted.items()}
    return [found.get(scope, 0) for scope in scopes]


async def counts(reading: Reading, workspace_ids: Sequence[str], wanted: StudioFilter) -> list[list[StatusCountRow]]:
    """How many Studios have each status, zeros included."""
    found = await studio_lists.count_by_status(reading.reader, reading.viewer.user_id, unique(workspace_ids), wanted)
    return [[StatusCountRow(status, found[workspace_id].get(status, 0)) for status in StudioStatus] for workspace_id in workspace_ids]
