"""The state at one moment, with the place in the log that it belongs to: what is logged up to there shows in it."""

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
"""A snapshot that leaves something out would be none."""


async def studios(context: Context, source: Source) -> tuple[Cursor, datetime, list[StudioRow]]:
    """The Studios of the source's scope that its filter wants, by name."""
    async with context.services.database.read() as reader:
        state = await log.state(reader, source.scope.workspace_id)
        rows = await _studios(reader, context.viewer.user_id, source)
    return state.cursor, context.services.database.now(), rows


async def connected_users(context: Context, source: Source) -> tuple[Cursor, datetime, list[ConnectedUserRow]]:
    """Who is connected to the source's Studio, first come first."""
    studio_id = source.scope.studio_id
    assert studio_id is not None
    async with context.services.database.read() as reader:
        state = await log.state(reader, source.scope.workspace_id)
        found = await connected.of_studios(reader, context.viewer.user_id, [studio_id])
    return state.cursor, context.services.database.now(), found.get(studio_id, [])


async def _studios(reader: Reader, viewer_id: str, source: Source) -> list[StudioRow]:
    workspace_id, studio_id = source.scope.workspace_id, source.scope.studio_id
    if studio_id:
        return list((await studio_lists.matching(reader, viewer_id, workspace_id, [studio_id], source.wanted)).values())
    pages = await studio_lists.pages(reader, viewer_id, [workspace_id], source.wanted, BY_NAME, ALL)
    return [row for row, _ in pages[workspace_id]]
