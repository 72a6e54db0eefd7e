"""What a session or a build prints: all that is kept first, then as it comes, until it ends (B84)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

from resolvers.context import Context
from resolvers.log_pages import log_page
from resolvers.streams.sources import Source, Watched, watched
from services.domain.events import Kind
from services.domain.statuses import LogSource
from services.live.stream_items import Heartbeat, Item
from services.rows.logs import LogChunkRow, LogEndedRow, LogOutputRow, LogPageRow
from services.store.db.database import Reader
from services.store.outputs import EMPTY_PAGE
from services.store.reads import outputs as reads

KINDS = frozenset({Kind.STUDIO_STATUS})
CHUNK_BYTES = 1 << 16


async def studio_logs(context: Context, source: Source, wanted: LogSource | None, offset: int) -> AsyncGenerator[Any, None]:
    """Nothing is read ahead: a slow reader finds in the store what is still kept, and is told what is not."""
    async with watched(context, source) as stream, AsyncExitStack() as stack:
        printer = await stream.read(lambda: _printer(context, source, wanted))
        if printer is None:
            return
        waiting = Waiting(stream, stack.enter_context(context.services.output_signals.signal_for(printer.output_id or "")))
        stack.push_async_callback(waiting.close)
        while True:
            waiting.begin()
            page = await stream.read(lambda: _page(context, source, printer, offset))  # noqa: B023 - awaited at once
            await stream.check()
            if page is None:
                return
            offset = min(offset, page.start_offset)  # of another session's output, or another database's: its own end is as far as it goes
            if page.text:
                yield LogChunkRow(page.source, page.session, page.start_offset, page.next_offset, page.text, page.start_offset - offset)
                offset = page.next_offset
            elif page.is_complete:
                yield LogEndedRow(page.source, page.session, page.end_offset)
                return
            else:
                item = await waiting.item()
                if isinstance(item, Heartbeat):
                    yield item
                if waiting.over:
                    return


class Waiting:
    """For more output, or for what happens to the Studio: whichever comes first, or after a while in any case."""

    def __init__(self, stream: Watched, bell: asyncio.Event) -> None:
        self._stream = stream
        self._items = stream.items()
        self._next: asyncio.Task[Item | None] | None = None
        self.over = False
        self._bell = bell

    def begin(self) -> None:
        """What rings from now on was not read yet."""
        self._bell.clear()

    async def item(self) -> Item | None:
        """What happened, if something did. Raises Forbidden when the right is lost."""
        self._next = self._next or asyncio.create_task(self._following())
        ring = asyncio.create_task(self._bell.wait())
        poll = self._stream.context.services.broker.settings.poll_seconds
        try:
            await asyncio.wait([self._next, ring], timeout=poll, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()
        if not self._next.done():
            return None
        happened, self._next = self._next, None
        item = happened.result()
        self.over = item is None
        return item

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)

    async def _following(self) -> Item | None:
        return await anext(self._items, None)


async def _printer(context: Context, source: Source, wanted: LogSource | None) -> LogOutputRow | None:
    """None where the Studio is gone."""
    async with context.services.database.read() as reader:
        return await _find(reader, context, source, None, wanted)


async def _page(context: Context, source: Source, first: LogOutputRow, offset: int) -> LogPageRow | None:
    """The same printer's output as it is now, and whether it has ended."""
    async with context.services.database.read() as reader:
        printer = await _find(reader, context, source, first.session, first.source)
        if printer is None:
            return None
        if first.source is LogSource.BUILD and printer.output_id != first.output_id:  # it has ended: another was begun, or none is needed
            return LogPageRow(first.source, None, offset, offset, offset, "", is_complete=True)
        output_id = first.output_id or printer.output_id
        found = await reads.pages(reader, context.viewer.user_id, [output_id], offset, CHUNK_BYTES) if output_id else {}
    return log_page(printer, found.get(output_id or "", EMPTY_PAGE), CHUNK_BYTES, from_end=False)


async def _find(reader: Reader, context: Context, source: Source, number: int | None, wanted: LogSource | None) -> LogOutputRow | None:
    studio_id = source.scope.studio_id
    assert studio_id is not None
    return (await reads.log_outputs(reader, context.viewer.user_id, [studio_id], number, wanted)).get(studio_id)
