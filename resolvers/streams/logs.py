"""Streams that tell what happens: every event once and in order, whatever the reader's speed (B57, B83)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from resolvers.context import Context
from resolvers.streams import snapshots
from resolvers.streams.sources import Source, Watched, watched
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
    """A snapshot unless the source begins at a cursor, then events; after a Resync a snapshot again."""
    async with watched(context, source) as stream:
        if source.after is None:
            snapshot = await _snapshot(stream, source)
            yield snapshot
            if _is_gone(source, snapshot):
                return
        async for item in stream.items():
            for row in await _shown(stream, source, item):
                yield row
            if isinstance(item, Resync):
                snapshot = await _snapshot(stream, source)
                yield snapshot
                if _is_gone(source, snapshot):
                    return
            if _ends(source, item):
                return


async def without_snapshot(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Events alone. The first frame, unless the source begins at a cursor, is a Heartbeat: from there on nothing is missed."""
    async with watched(context, source) as stream:
        if source.after is None:
            yield stream.subscription.heartbeat()
        async for item in stream.items():
            for row in await _shown(stream, source, item):
                yield row
            if _ends(source, item):
                return


async def _snapshot(stream: Watched, source: Source) -> StudioStatusSnapshotRow:
    cursor, at, rows = await stream.read(lambda: snapshots.studios(stream.context, source))
    stream.subscription.skip_to(cursor)
    await stream.check()
    return StudioStatusSnapshotRow(cursor, at, rows)


async def _shown(stream: Watched, source: Source, item: Item) -> Sequence[Any]:
    """What the item looks like as a frame; nothing if the source does not want it."""
    if not isinstance(item, LoggedEvent):
        return [item]
    wanted = item.kind in source.kinds and await stream.read(lambda: _wanted(stream.context, source, item))
    return [event_row(item)] if wanted else []


async def _wanted(context: Context, source: Source, event: LoggedEvent) -> bool:
    """Whether the event's Studio matches the filter now. Deletions pass: what is gone cannot be compared."""
    if source.wanted == EVERYTHING or event.kind is Kind.STUDIO_DELETED or event.studio_id is None:
        return True
    found = await matching_studios(context, source.scope.workspace_id, [event.studio_id], source.wanted)
    return event.studio_id in found


def _ends(source: Source, item: Item) -> bool:
    """Nothing comes after the deletion of the one Studio that a stream is about."""
    return isinstance(item, LoggedEvent) and item.kind is Kind.STUDIO_DELETED and source.scope.studio_id is not None


def _is_gone(source: Source, snapshot: StudioStatusSnapshotRow) -> bool:
    """The same, where the deletion came before the snapshot."""
    return source.scope.studio_id is not None and source.wanted == EVERYTHING and not snapshot.studios
