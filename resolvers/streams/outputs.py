"""The stream of the output of a session or build: the stored output, then new output, until its end (B84)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

from resolvers.context import Context
from resolvers.log_pages import log_page
from resolvers.streams.sources import AuthorizedStream, Source, open_stream
from services.domain.events import Kind
from services.domain.statuses import LogSource
from services.live.stream_items import Heartbeat, Item
from services.rows.logs import LogChunkRow, LogEndedRow, LogOutputRow, LogPageRow
from services.store.db.database import Reader
from services.store.outputs import EMPTY_PAGE
from services.store.reads import outputs as reads

KINDS = frozenset({Kind.STUDIO_STATUS})
CHUNK_BYTES = 1 << 16


async def studio_logs(context: Context, source: Source, log_source: LogSource | None, offset: int) -> AsyncGenerator[Any, None]:
    """Yields the output in chunks. Nothing is read ahead: a slow reader gets what is still stored, and the number of bytes that is not."""
    async with open_stream(context, source) as stream, AsyncExitStack() as stack:
        output = await stream.read(lambda: _log_output(context, source, log_source))
        if output is None:
            return
        waiter = OutputWaiter(stream, stack.enter_context(context.services.output_signals.signal_for(output.output_id or "")))
        stack.push_async_callback(waiter.close)
        while True:
            waiter.clear()
            page = await stream.read(lambda: _page(context, source, output, offset))  # noqa: B023 - awaited at once
            await stream.check()
            if page is None:
                return
            offset = min(offset, page.start_offset)  # an offset beyond the end belongs to another output
            if page.text:
                yield LogChunkRow(page.source, page.session, page.start_offset, page.next_offset, page.text, page.start_offset - offset)
                offset = page.next_offset
            elif page.is_complete:
                yield LogEndedRow(page.source, page.session, page.end_offset)
                return
            else:
                item = await waiter.wait()
                if isinstance(item, Heartbeat):
                    yield item
                if waiter.ended:
                    return


class OutputWaiter:
    """Waits for more output or for an event of the Studio, whichever comes first, and for the interval of polls at most.

    `ended` says that no more events come.
    """

    def __init__(self, stream: AuthorizedStream, output_signal: asyncio.Event) -> None:
        self._stream = stream
        self._items = stream.items()
        self._next: asyncio.Task[Item | None] | None = None
        self.ended = False
        self._output_signal = output_signal

    def clear(self) -> None:
        """Forgets earlier output. It is called before each read, so that output which comes during the read ends the next wait."""
        self._output_signal.clear()

    async def wait(self) -> Item | None:
        """Returns the event that came; None if there is new output or the time is over. Raises Forbidden when the right is lost."""
        self._next = self._next or asyncio.create_task(self._next_item())
        output = asyncio.create_task(self._output_signal.wait())
        poll = self._stream.context.services.broker.settings.poll_seconds
        try:
            await asyncio.wait([self._next, output], timeout=poll, return_when=asyncio.FIRST_COMPLETED)
        finally:
            output.cancel()
        if not self._next.done():
            return None
        finished, self._next = self._next, None
        item = finished.result()
        self.ended = item is None
        return item

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)

    async def _next_item(self) -> Item | None:
        return await anext(self._items, None)


async def _log_output(context: Context, source: Source, log_source: LogSource | None) -> LogOutputRow | None:
    """Returns the session or build that the stream is about; None if the Studio was deleted."""
    async with context.services.database.read() as reader:
        return await _find(reader, context, source, None, log_source)


async def _page(context: Context, source: Source, first: LogOutputRow, offset: int) -> LogPageRow | None:
    """Returns the next page of the same session or build, and whether its output has ended."""
    async with context.services.database.read() as reader:
        output = await _find(reader, context, source, first.session, first.source)
        if output is None:
            return None
        has_ended = first.source is LogSource.BUILD and output.output_id != first.output_id  # the Studio has another build now, or none
        if has_ended:
            return LogPageRow(first.source, None, offset, offset, offset, "", is_complete=True)
        output_id = first.output_id or output.output_id
        pages = await reads.pages(reader, context.viewer.user_id, [output_id], offset, CHUNK_BYTES) if output_id else {}
    return log_page(output, pages.get(output_id or "", EMPTY_PAGE), CHUNK_BYTES, from_end=False)


async def _find(reader: Reader, context: Context, source: Source, number: int | None, log_source: LogSource | None) -> LogOutputRow | None:
    studio_id = source.scope.studio_id
    assert studio_id is not None
    return (await reads.log_outputs(reader, context.viewer.user_id, [studio_id], number, log_source)).get(studio_id)
