"""What happened, as lists to look through."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from resolvers.batches import Load, Reading
from resolvers.loads.loading import total_each, unique
from resolvers.pagination import PageArguments, bad_cursor, make_page
from services.errors import BadArgument
from services.events import BadCursor, Cursor, LoggedEvent
from services.rows.audit import AnyEventRow, any_event_row
from services.rows.page import Page
from services.rows.places import WorkspaceRow
from services.rows.studio import StudioRow
from services.store.database import Reader
from services.store.reads import events as reads
from services.store.reads.listing import Window

ReadPages = Callable[[Reader, str, Sequence[str], Window, bool], Awaitable[Mapping[str, list[LoggedEvent]]]]


@dataclass(frozen=True, slots=True)
class EventArguments:
    """Which events: how many, from where, in which order."""

    page: PageArguments
    newest_first: bool


def _pages(read: ReadPages) -> Load:
    """Pages for workspaces or Studios. `after` is a cursor of their log: the page goes on from it, in the order that is asked for."""

    async def load(
        reading: Reading, parents: Sequence[WorkspaceRow | StudioRow], arguments: EventArguments
    ) -> list[Page[AnyEventRow] | BadArgument]:
        after = _decoded(arguments.page.after)
        window = Window(arguments.page.first + 1, (after.seq, "") if after else None)
        ids = unique([parent.id for parent in parents])
        found = await read(reading.reader, reading.viewer.user_id, ids, window, arguments.newest_first)
        return [_page(found[parent.id], arguments.page, parent.id) if _fits(after, parent) else bad_cursor() for parent in parents]

    return load


def _page(events: Sequence[LoggedEvent], arguments: PageArguments, scope: str) -> Page[AnyEventRow]:
    return make_page([any_event_row(event) for event in events], lambda row: row.cursor, arguments, scope)


def _decoded(after: str | None) -> Cursor | None:
    try:
        return Cursor.decode(after) if after else None
    except BadCursor as error:
        raise bad_cursor() from error


def _fits(after: Cursor | None, parent: WorkspaceRow | StudioRow) -> bool:
    """Whether the cursor is of the parent's own log, since the last restore of a backup."""
    here = parent.event_cursor
    return after is None or (after.stream_id, after.epoch) == (here.stream_id, here.epoch)


of_workspaces = _pages(reads.of_workspaces)
of_studios = _pages(reads.of_studios)
total_of_workspaces = total_each(reads.count_of_workspaces)
total_of_studios = total_each(reads.count_of_studios)
