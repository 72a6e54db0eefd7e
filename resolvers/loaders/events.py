"""What happened, as lists to look through."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from resolvers.batches import Load, Reading
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
    """Which events: how many, from where, in which order."""

    page: PageArguments
    newest_first: bool


@dataclass(frozen=True, slots=True)
class EventScope:
    """What a page of events was taken from: the log of a workspace, or what it says of a Studio."""

    of_studio: bool
    parent_id: str


def _pages(read: ReadPages, *, of_studio: bool) -> Load:
    """Pages for workspaces or Studios. `after` is a cursor of their log: the page goes on from it, in the order that is asked for."""

    async def load(
        reading: Reading, parents: Sequence[WorkspaceRow | StudioRow], arguments: EventArguments
    ) -> list[Page[AnyEventRow] | BadArgument]:
        after = _decoded(arguments.page.after)
        window = Window(arguments.page.first + 1, (after.seq, "") if after else None)
        ids = unique([parent.id for parent in parents])
        found = await read(reading.reader, reading.viewer.user_id, ids, window, arguments.newest_first)
        return [
            _page(found[parent.id], arguments.page, of_studio, parent.id) if _fits(after, parent) else bad_cursor() for parent in parents
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


def _fits(after: Cursor | None, parent: WorkspaceRow | StudioRow) -> bool:
    """Whether the cursor is of the parent's own log, since the last restore of a backup."""
    here = parent.event_cursor
    return after is None or (after.stream_id, after.epoch) == (here.stream_id, here.epoch)


of_workspaces = _pages(reads.of_workspaces, of_studio=False)
of_studios = _pages(reads.of_studios, of_studio=True)


async def totals(reading: Reading, scopes: Sequence[EventScope], _arguments: None) -> list[int]:
    """How many events are kept of each scope: a statement for workspaces, one for Studios."""
    found: dict[EventScope, int] = {}
    for of_studio, count in ((False, reads.count_of_workspaces), (True, reads.count_of_studios)):
        ids = unique([scope.parent_id for scope in scopes if scope.of_studio is of_studio])
        counted = await count(reading.reader, reading.viewer.user_id, ids) if ids else {}
        found |= {EventScope(of_studio, parent_id): number for parent_id, number in counted.items()}
    return [found.get(scope, 0) for scope in scopes]
