"""Loads pages of events."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from resolvers.batches import Load, LoadContext
from resolvers.loaders.factories import unique
from resolvers.pagination import PageArguments, bad_cursor, make_page
from services.domain.errors import BadArgument
from services.domain.events import BadCursor, Cursor, LoggedEvent
from services.rows.audit import AnyEventRow, any_event_row
from services.rows.organizations import WorkspaceRow
from services.rows.page import Page
from services.rows.studio import StudioRow
from services.store.db.database import Reader
from services.store.reads import events as reads
from services.store.reads.listing import Window

ReadPages = Callable[[Reader, str, Sequence[str], Window, bool], Awaitable[Mapping[str, list[LoggedEvent]]]]


@dataclass(frozen=True, slots=True)
class EventArguments:
    """The arguments of a connection of events."""

    page: PageArguments
    newest_first: bool


@dataclass(frozen=True, slots=True)
class EventScope:
    """The list that a page of events belongs to: the events of a workspace or of a Studio."""

    of_studio: bool
    parent_id: str


def _pages(read: ReadPages, *, of_studio: bool) -> Load:
    """Returns the loader of pages for workspaces or Studios. The page begins after the cursor `after`, in the requested order."""

    async def load(
        context: LoadContext, parents: Sequence[WorkspaceRow | StudioRow], arguments: EventArguments
    ) -> list[Page[AnyEventRow] | BadArgument]:
        after = _decoded(arguments.page.after)
        window = Window(arguments.page.first + 1, (after.seq, "") if after else None)
        ids = unique([parent.id for parent in parents])
        events = await read(context.reader, context.viewer.user_id, ids, window, arguments.newest_first)
        return [
            _page(events[parent.id], arguments.page, of_studio, parent.id) if _is_of_log(after, parent) else bad_cursor()
            for parent in parents
        ]

    return load


def _page(events: Sequence[LoggedEvent], arguments: PageArguments, of_studio: bool, parent_id: str) -> Page[AnyEventRow]:
    rows = [any_event_row(event) for event in events]
    return make_page(rows, lambda row: row.cursor, arguments, EventScope(of_studio, parent_id))


def _decoded(after: str | None) -> Cursor | None:
    try:
        return Cursor.decode(after) if after else None
    except BadCursor as error:
        raise bad_cursor() from error


def _is_of_log(after: Cursor | None, parent: WorkspaceRow | StudioRow) -> bool:
    """Returns whether the cursor belongs to the parent's event log and to its present epoch."""
    newest = parent.event_cursor
    return after is None or (after.stream_id, after.epoch) == (newest.stream_id, newest.epoch)


of_workspaces = _pages(reads.of_workspaces, of_studio=False)
of_studios = _pages(reads.of_studios, of_studio=True)


async def totals(context: LoadContext, scopes: Sequence[EventScope], _arguments: None) -> list[int]:
    """Counts the stored events of each scope, by one statement for workspaces and one for Studios."""
    numbers: dict[EventScope, int] = {}
    for of_studio, count in ((False, reads.count_of_workspaces), (True, reads.count_of_studios)):
        ids = unique([scope.parent_id for scope in scopes if scope.of_studio is of_studio])
        counts = await count(context.reader, context.viewer.user_id, ids) if ids else {}
        numbers |= {EventScope(of_studio, parent_id): number for parent_id, number in counts.items()}
    return [numbers.get(scope, 0) for scope in scopes]
