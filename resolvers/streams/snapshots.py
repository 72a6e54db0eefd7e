"""Reads the state of a stream's Studios, with the cursor up to which it includes all events."""

from datetime import datetime

from resolvers.context import Context
from resolvers.streams.sources import Source
from services.domain.events import Cursor
from services.rows.studio import ConnectedUserRow, StudioRow
from services.search.selection import BY_NAME
from services.store import log
from services.store.db.database import Reader
from services.store.reads import connected, studio_lists
from services.store.reads.listing import Window

ALL = Window(limit=2**31 - 1)
"""Snapshots have no pages."""


async def studios(context: Context, source: Source) -> tuple[Cursor, datetime, list[StudioRow]]:
    """Returns cursor, time, and the Studios of the source's scope that match its filter, sorted by name."""
    async with context.services.database.read() as reader:
        state = await log.state(reader, source.scope.workspace_id)
        rows = await _studios(reader, context.viewer.user_id, source)
    return state.cursor, context.services.database.now(), rows


async def connected_users(context: Context, source: Source) -> tuple[Cursor, datetime, list[ConnectedUserRow]]:
    """Returns cursor, time, and the users who are connected to the source's Studio; who connected first comes first."""
    studio_id = source.scope.studio_id
    assert studio_id is not None
    async with context.services.database.read() as reader:
        state = await log.state(reader, source.scope.workspace_id)
        users = await connected.of_studios(reader, context.viewer.user_id, [studio_id])
    return state.cursor, context.services.database.now(), users.get(studio_id, [])


async def _studios(reader: Reader, viewer_id: str, source: Source) -> list[StudioRow]:
    workspace_id, studio_id = source.scope.workspace_id, source.scope.studio_id
    if studio_id:
        return list((await studio_lists.matching(reader, viewer_id, workspace_id, [studio_id], source.studio_filter)).values())
    pages = await studio_lists.pages(reader, viewer_id, [workspace_id], source.studio_filter, BY_NAME, ALL)
    return [row for row, _ in pages[workspace_id]]
