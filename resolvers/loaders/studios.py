"""Loads Studios, pages of Studios, and their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.batches import LoadContext
from resolvers.loaders.factories import list_each, one_each, unique, window_of
from resolvers.pagination import KeysetCursor, PageArguments, make_page
from services.domain.statuses import StudioStatus
from services.rows.organizations import StatusCountRow
from services.rows.page import Page
from services.rows.studio import StudioRow
from services.search.selection import BY_NAME, EVERYTHING, StudioFilter, StudioOrder
from services.store.reads import connected, studio_lists
from services.store.reads import labels as label_reads
from services.store.reads import studios as reads

by_id = one_each(reads.by_ids)
details = one_each(reads.details)
labels = list_each(label_reads.of_studios)
connected_users = list_each(connected.of_studios)


@dataclass(frozen=True, slots=True)
class ListArguments:
    """The arguments of a page of the Studios of a workspace."""

    page: PageArguments
    studio_filter: StudioFilter = EVERYTHING
    order: StudioOrder = BY_NAME

    @property
    def order_name(self) -> str:
        """Returns the name of the order, which its cursors contain: those of another order are refused."""
        return f"studios {self.order.field} {'desc' if self.order.descending else 'asc'}"

    @property
    def kind(self) -> type:
        """Returns the type of the values that the list is sorted by."""
        return datetime if self.order.field in studio_lists.TIMES else str


@dataclass(frozen=True, slots=True)
class ListScope:
    """The list that a page of Studios belongs to."""

    workspace_id: str
    studio_filter: StudioFilter


async def pages(context: LoadContext, workspace_ids: Sequence[str], arguments: ListArguments) -> list[Page[StudioRow]]:
    """Loads a page for each workspace."""
    window, order = window_of(arguments.page, arguments.order_name, arguments.kind), arguments.order_name
    ids = unique(workspace_ids)
    sorted_rows = await studio_lists.pages(context.reader, context.viewer.user_id, ids, arguments.studio_filter, arguments.order, window)
    return [_page(sorted_rows[workspace_id], order, arguments, workspace_id) for workspace_id in workspace_ids]


def _page(sorted_rows: list[studio_lists.SortedStudio], order: str, arguments: ListArguments, workspace_id: str) -> Page[StudioRow]:
    values = {row.id: value for row, value in sorted_rows}
    rows = [row for row, _ in sorted_rows]
    return make_page(
        rows, lambda row: KeysetCursor(order, values[row.id], row.id), arguments.page, ListScope(workspace_id, arguments.studio_filter)
    )


async def totals(context: LoadContext, scopes: Sequence[ListScope], _arguments: None) -> list[int]:
    """Counts the Studios of each scope, by one statement for each filter among them."""
    numbers: dict[ListScope, int] = {}
    for studio_filter in dict.fromkeys(scope.studio_filter for scope in scopes):
        ids = unique([scope.workspace_id for scope in scopes if scope.studio_filter == studio_filter])
        counts = await studio_lists.count(context.reader, context.viewer.user_id, ids, studio_filter)
        numbers |= {ListScope(workspace_id, studio_filter): number for workspace_id, number in counts.items()}
    return [numbers.get(scope, 0) for scope in scopes]


async def status_counts(context: LoadContext, workspace_ids: Sequence[str], studio_filter: StudioFilter) -> list[list[StatusCountRow]]:
    """Counts the Studios of each workspace by status, zeros included."""
    numbers = await studio_lists.count_by_status(context.reader, context.viewer.user_id, unique(workspace_ids), studio_filter)
    return [[StatusCountRow(status, numbers[workspace_id].get(status, 0)) for status in StudioStatus] for workspace_id in workspace_ids]
