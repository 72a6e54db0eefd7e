"""The stream of the resources that a Studio's running session uses (B85)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from resolvers.context import Context
from resolvers.streams.sources import AuthorizedStream, Source, open_stream
from services.live.stream_items import Heartbeat
from services.store import studios


async def studio_stats(context: Context, source: Source) -> AsyncGenerator[Any, None]:
    """Yields the newest measurement, then each newer one, of this session and later ones. It ends when the Studio is deleted."""
    studio_id = source.scope.studio_id
    assert studio_id is not None
    async with open_stream(context, source) as stream, context.services.stats_feed.subscribe(studio_id) as subscription:
        end = asyncio.create_task(_until_deleted(stream, studio_id), name="end of studioStats")
        end.add_done_callback(lambda _: subscription.end())
        try:
            async for row in subscription:
                await stream.check()
                yield row
            _raise_reason(end)
        finally:
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)


def _raise_reason(end: asyncio.Task[None]) -> None:
    """Raises Forbidden if the stream ended because the right was lost. It may also have ended because the server stops."""
    if end.done():
        end.result()


async def _until_deleted(stream: AuthorizedStream, studio_id: str) -> None:
    """Returns when the Studio is deleted. Raises Forbidden when the right is lost."""
    if await _is_deleted(stream, studio_id):
        return
    async for item in stream.items():
        if not isinstance(item, Heartbeat) and await _is_deleted(stream, studio_id):
            return


async def _is_deleted(stream: AuthorizedStream, studio_id: str) -> bool:
    """Returns whether the Studio is deleted. It is not when it is only hidden from the viewer: that ends the stream with Forbidden."""
    return await stream.read(lambda: _workspace(stream.context, studio_id)) is None


async def _workspace(context: Context, studio_id: str) -> str | None:
    async with context.services.database.read() as reader:
        return await studios.workspace_of(reader, studio_id)
