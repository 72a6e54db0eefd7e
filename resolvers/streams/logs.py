"""Streams of events: each event once and in order, however slow the reader is (B57, B83)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from resolvers.context import Context
from resolvers.streams import snapshots
from resolvers.streams.sources import AuthorizedStream, Source, open_stream
from resolvers.studios import matching_studios
from services.domain.events import Kind, LoggedEvent
from services.live.stream_items import Item, Resync
from services.rows.events import SHOWN_KINDS, event_row
from services.rows.frames import StudioStatusSnapshotRow
from services.search.selection import EVERYTHING

STATUS_KINDS = frozenset({Kind.STUDIO_CREATED, Kind.STUDIO_STATUS})
ERROR_KINDS = frozenset({Kind.CONNECTION_ERROR, Kind.DISRUPTION_WARNING})
ALL_KINDS = SHOWN_KINDS


async def with_snapshot(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Yields a snapshot, unless the source begins at a cursor, then events; after each Resync another snapshot."""
    async with open_stream(context, source) as stream:
        if source.after is None:
            snapshot = await _snapshot(stream, source)
            yield snapshot
            if _is_deleted(source, snapshot):
                return
        async for item in stream.items():
            for row in await _frames(stream, source, item):
                yield row
            if isinstance(item, Resync):
                snapshot = await _snapshot(stream, source)
                yield snapshot
                if _is_deleted(source, snapshot):
                    return
            if _ends(source, item):
                return


async def without_snapshot(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Yields events. The first frame, unless the source begins at a cursor, is a Heartbeat: no event after it is missed."""
    async with open_stream(context, source) as stream:
        if source.after is None:
            yield stream.subscription.heartbeat()
        async for item in stream.items():
            for row in await _frames(stream, source, item):
                yield row
            if _ends(source, item):
                return


async def _snapshot(stream: AuthorizedStream, source: Source) -> StudioStatusSnapshotRow:
    cursor, at, rows = await stream.read(lambda: snapshots.studios(stream.context, source))
    stream.subscription.skip_to(cursor)
    await stream.check()
    return StudioStatusSnapshotRow(cursor, at, rows)


async def _frames(stream: AuthorizedStream, source: Source, item: Item) -> Sequence[Any]:
    """Returns the frame of the item; none for an event that the source does not select."""
    if not isinstance(item, LoggedEvent):
        return [item]
    is_selected = item.kind in source.kinds and await stream.read(lambda: _matches(stream.context, source, item))
    return [event_row(item)] if is_selected else []


async def _matches(context: Context, source: Source, event: LoggedEvent) -> bool:
    """Returns whether the event's Studio matches the filter now. A deleted Studio cannot be compared, so its deletion always matches."""
    if source.studio_filter == EVERYTHING or event.kind is Kind.STUDIO_DELETED or event.studio_id is None:
        return True
    return event.studio_id in await matching_studios(context, source.scope.workspace_id, [event.studio_id], source.studio_filter)


def _ends(source: Source, item: Item) -> bool:
    """Returns whether the item is the deletion of the only Studio of the stream, which ends the stream."""
    return isinstance(item, LoggedEvent) and item.kind is Kind.STUDIO_DELETED and source.scope.studio_id is not None


def _is_deleted(source: Source, snapshot: StudioStatusSnapshotRow) -> bool:
    """Returns whether the only Studio of the stream was deleted before the snapshot."""
    return source.scope.studio_id is not None and source.studio_filter == EVERYTHING and not snapshot.studios
