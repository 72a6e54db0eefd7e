"""The stream of what a Studio's running session uses (B85)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from resolvers.context import Context
from resolvers.streams.sources import Source, Watched, watched
from services.live.stream_items import Heartbeat
from services.store import studios


async def studio_stats(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """The newest measurement, then each newer one, of this session and those after it; ends when the Studio is deleted."""
    studio_id = source.scope.studio_id
    assert studio_id is not None
    async with watched(context, source) as stream, context.services.stats_feed.subscribe(studio_id) as subscription:
        end = asyncio.create_task(_until_gone(stream, studio_id), name="end of studioStats")
        end.add_done_callback(lambda _: subscription.end())
        try:
            async for row in subscription:
                await stream.check()
                yield row
            await _reason(end)
        finally:
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)


async def _reason(end: asyncio.Task[None]) -> None:
    """Raise Forbidden where the right was lost. The subscription may also end before, when the server does."""
    if end.done():
        end.result()


async def _until_gone(stream: Watched, studio_id: str) -> None:
    """Return once the Studio is no more. Raises Forbidden when the right is lost."""
    if await _is_gone(stream, studio_id):
        return
    async for item in stream.items():
        if not isinstance(item, Heartbeat) and await _is_gone(stream, studio_id):
            return


async def _is_gone(stream: Watched, studio_id: str) -> bool:
    """Asked without regard to the viewer: who may not see it any more is told so, and not that it is gone."""
    return await stream.read(lambda: _workspace(stream.context, studio_id)) is None


async def _workspace(context: Context, studio_id: str) -> str | None:
    async with context.services.database.read() as reader:
        return await studios.workspace_of(reader, studio_id)
