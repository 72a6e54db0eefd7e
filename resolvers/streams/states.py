"""Streams of states: several changes since the last frame are one frame, with the current state."""

from collections.abc import AsyncGenerator, Iterable
from typing import Any

from resolvers.context import Context
from resolvers.streams import snapshots
from resolvers.streams.sources import AuthorizedStream, Source, open_stream
from resolvers.studios import matching_studios
from services.domain.events import Kind, LoggedEvent
from services.domain.statuses import OperationState
from services.live.stream_items import Heartbeat, Item, Resync
from services.rows.frames import ConnectedUsersSnapshotRow, StudioChangedRow, StudioEnteredRow, StudioLeftRow, StudioListSnapshotRow
from services.rows.people import OperationRow
from services.store.reads import operations

LIST_KINDS = frozenset(
    {
        Kind.STUDIO_CREATED,
        Kind.STUDIO_STATUS,
        Kind.STUDIO_MESSAGE,
        Kind.STUDIO_EDITED,
        Kind.STUDIO_DELETED,
        Kind.CHECKPOINT,
        Kind.MIGRATION,
        Kind.CONNECTED_USERS,
        Kind.CONNECTED_TABS,
        Kind.OPERATION,
        Kind.STAR,
    }
)
"""The events after which a Studio may look different in a list."""
PRESENCE_KINDS = frozenset({Kind.CONNECTED_USERS, Kind.CONNECTED_TABS, Kind.STUDIO_STATUS})
OPERATION_KINDS = frozenset({Kind.OPERATION, Kind.STUDIO_STATUS})


async def studio_list(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Yields the list, then the Studios that enter it, change in it and leave it (B82). Only the ids of the list are kept in memory."""
    async with open_stream(context, source) as stream:
        snapshot = await _list_snapshot(stream, source)
        present = {studio.id for studio in snapshot.studios}
        yield snapshot
        async for item in stream.items():
            if isinstance(item, Heartbeat):
                yield item
            elif isinstance(item, Resync):
                yield item
                snapshot = await _list_snapshot(stream, source)
                present = {studio.id for studio in snapshot.studios}
                yield snapshot
            else:
                for frame in await _changes(stream, source, item, present):
                    yield frame


async def connected_users(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Yields all connected users, and again after each change (B52). It ends when the Studio is deleted."""
    async with open_stream(context, source) as stream:
        yield await _users_snapshot(stream, source)
        async for item in stream.items():
            if isinstance(item, Heartbeat | Resync):
                yield item
            if not isinstance(item, Heartbeat):
                events = _with_buffered(stream, item)
                yield await _users_snapshot(stream, source)
                if any(event.kind is Kind.STUDIO_DELETED for event in events):
                    return


async def operation_progress(context: Context, source: Source, operation_id: str) -> AsyncGenerator[Any, None]:
    """Yields the operation, and again after each change, until it has ended (B84)."""
    sent_version = None
    async with open_stream(context, source) as stream:
        operation = await stream.read(lambda: _operation(context, operation_id))
        while operation:
            if operation.version != sent_version:
                yield operation
                sent_version = operation.version
            if operation.state is not OperationState.RUNNING:
                return
            await _until_event(stream)
            operation = await stream.read(lambda: _operation(context, operation_id))


async def _list_snapshot(stream: AuthorizedStream, source: Source) -> StudioListSnapshotRow:
    cursor, at, rows = await stream.read(lambda: snapshots.studios(stream.context, source))
    stream.subscription.skip_to(cursor)
    await stream.check()
    return StudioListSnapshotRow(cursor, at, rows)


async def _changes(stream: AuthorizedStream, source: Source, item: LoggedEvent, present: set[str]) -> Iterable[Any]:
    """Returns the frames for the waiting events: one for each Studio, which one statement compares with the filter."""
    events = _with_buffered(stream, item)
    cursor = events[-1].cursor
    ids = list(dict.fromkeys(event.studio_id for event in events if event.studio_id and _is_visible(stream, event)))
    if not ids:
        return []
    matching = await stream.read(lambda: matching_studios(stream.context, source.scope.workspace_id, ids, source.studio_filter))
    await stream.check()
    frames: list[Any] = []
    for studio_id in ids:
        studio = matching.get(studio_id)
        if studio:
            frames.append(StudioChangedRow(cursor, studio) if studio_id in present else StudioEnteredRow(cursor, studio))
            present.add(studio_id)
        elif studio_id in present:
            frames.append(StudioLeftRow(cursor, studio_id))
            present.discard(studio_id)
    return frames


def _is_visible(stream: AuthorizedStream, event: LoggedEvent) -> bool:
    """Returns whether the event changes the viewer's list: the stars of others do not."""
    return event.kind is not Kind.STAR or event.user_id == stream.context.viewer.user_id


async def _users_snapshot(stream: AuthorizedStream, source: Source) -> ConnectedUsersSnapshotRow:
    cursor, at, rows = await stream.read(lambda: snapshots.connected_users(stream.context, source))
    await stream.check()
    assert source.scope.studio_id is not None
    return ConnectedUsersSnapshotRow(cursor, at, source.scope.studio_id, rows)


async def _operation(context: Context, operation_id: str) -> OperationRow | None:
    async with context.services.database.read() as reader:
        return (await operations.by_ids(reader, context.viewer.user_id, [operation_id])).get(operation_id)


async def _until_event(stream: AuthorizedStream) -> None:
    """Returns when an event came, after which the operation may have changed."""
    async for item in stream.items():
        if not isinstance(item, Heartbeat):
            _with_buffered(stream, item)
            return


def _with_buffered(stream: AuthorizedStream, item: Item) -> list[LoggedEvent]:
    """Returns the event, if the item is one, and all events that wait in the subscription."""
    first = [item] if isinstance(item, LoggedEvent) else []
    return first + stream.subscription.buffered_events()
