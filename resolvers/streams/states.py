"""Streams that show how something stands: what changed several times since the last frame shows once, as it is now."""

from collections.abc import AsyncGenerator, Iterable
from typing import Any

from resolvers.context import Context
from resolvers.streams import snapshots
from resolvers.streams.sources import Source, Watched, watched
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
        Kind.CONNECTED_USERS,
        Kind.OPERATION,
        Kind.STAR,
    }
)
"""All that can change how a Studio looks in a list."""
PRESENCE_KINDS = frozenset({Kind.CONNECTED_USERS, Kind.STUDIO_STATUS})
OPERATION_KINDS = frozenset({Kind.OPERATION, Kind.STUDIO_STATUS})


async def studio_list(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """The list, then what enters it, changes in it and leaves it (B82); only the ids of what is in it are kept."""
    async with watched(context, source) as stream:
        snapshot = await _list(stream, source)
        present = {studio.id for studio in snapshot.studios}
        yield snapshot
        async for item in stream.items():
            if isinstance(item, Heartbeat):
                yield item
            elif isinstance(item, Resync):
                yield item
                snapshot = await _list(stream, source)
                present = {studio.id for studio in snapshot.studios}
                yield snapshot
            else:
                for frame in await _changes(stream, source, item, present):
                    yield frame


async def connected_users(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Everybody who is connected, again whenever somebody comes or goes (B52); ends when the Studio is deleted."""
    async with watched(context, source) as stream:
        yield await _users(stream, source)
        async for item in stream.items():
            if isinstance(item, Heartbeat | Resync):
                yield item
            if not isinstance(item, Heartbeat):
                events = _together(stream, item)
                yield await _users(stream, source)
                if any(event.kind is Kind.STUDIO_DELETED for event in events):
                    return


async def operation_progress(context: Context, source: Source, operation_id: str) -> AsyncGenerator[Any, None]:
    """The operation's record, again whenever it changed, until it has ended (B84)."""
    shown = None
    async with watched(context, source) as stream:
        operation = await stream.read(lambda: _operation(context, operation_id))
        while operation:
            if operation.version != shown:
                yield operation
                shown = operation.version
            if operation.state is not OperationState.RUNNING:
                return
            await _until_told(stream)
            operation = await stream.read(lambda: _operation(context, operation_id))


async def _list(stream: Watched, source: Source) -> StudioListSnapshotRow:
    cursor, at, rows = await stream.read(lambda: snapshots.studios(stream.context, source))
    stream.subscription.skip_to(cursor)
    await stream.check()
    return StudioListSnapshotRow(cursor, at, rows)


async def _changes(stream: Watched, source: Source, item: LoggedEvent, present: set[str]) -> Iterable[Any]:
    """The frames for all that happened since: each Studio once, compared with the filter in one statement."""
    events = _together(stream, item)
    cursor = events[-1].cursor
    ids = list(dict.fromkeys(event.studio_id for event in events if event.studio_id and _concerns(stream, event)))
    if not ids:
        return []
    found = await stream.read(lambda: matching_studios(stream.context, source.scope.workspace_id, ids, source.wanted))
    await stream.check()
    frames: list[Any] = []
    for studio_id in ids:
        studio = found.get(studio_id)
        if studio:
            frames.append(StudioChangedRow(cursor, studio) if studio_id in present else StudioEnteredRow(cursor, studio))
            present.add(studio_id)
        elif studio_id in present:
            frames.append(StudioLeftRow(cursor, studio_id))
            present.discard(studio_id)
    return frames


def _concerns(stream: Watched, event: LoggedEvent) -> bool:
    """Others' stars are their own affair."""
    return event.kind is not Kind.STAR or event.user_id == stream.context.viewer.user_id


async def _users(stream: Watched, source: Source) -> ConnectedUsersSnapshotRow:
    cursor, at, rows = await stream.read(lambda: snapshots.connected_users(stream.context, source))
    await stream.check()
    assert source.scope.studio_id is not None
    return ConnectedUsersSnapshotRow(cursor, at, source.scope.studio_id, rows)


async def _operation(context: Context, operation_id: str) -> OperationRow | None:
    async with context.services.database.read() as reader:
        return (await operations.by_ids(reader, context.viewer.user_id, [operation_id])).get(operation_id)


async def _until_told(stream: Watched) -> None:
    """Return when something may have changed."""
    async for item in stream.items():
        if not isinstance(item, Heartbeat):
            _together(stream, item)
            return


def _together(stream: Watched, item: Item) -> list[LoggedEvent]:
    """The event and all that wait behind it."""
    first = [item] if isinstance(item, LoggedEvent) else []
    return first + stream.subscription.buffered_events()
