"""Streams over HTTP: a response for each operation that goes on until the operation, the client, its token or the server ends."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from functools import partial
from typing import Any

from schema.error_masking import masked_refusal
from schema.execution import Executor
from schema.execution_results import refused_answer
from schema.request_errors import Code, OperationRejected, refusal
from schema.requests import OperationRequest
from schema.transport.framing import Framing
from schema.transport.http_errors import Headers, HTTPError
from schema.transport.send_queue import Outbox, Stalled
from schema.transport.stream_slots import StreamSlots, TooManyStreams
from services.domain.access import Viewer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

RETRY = [(b"retry-after", b"5")]
"""In seconds."""
HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
]


class Streams:
    """Those of this process. After `close` there are no new ones."""

    def __init__(self, executor: Executor, gate: StreamSlots) -> None:
        self._executor = executor
        self._gate = gate
        self._open: set[Stream] = set()
        self._closing = False

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    async def serve(
        self, framing: Framing, request: OperationRequest, viewer: Viewer, receive: Receive, send: Send, headers: Headers
    ) -> None:
        """Answer with a stream, to its end. Raises HTTPError if there is no place for it, before anything is sent."""
        if self._closing:
            raise HTTPError(503, refusal(Code.RESTARTING, "The server is restarting. Try again in a moment."), RETRY)
        try:
            with self._gate.place(viewer):
                stream = Stream(self._executor, self._gate, framing, send)
                self._open.add(stream)
                try:
                    await stream.run(request, viewer, receive, headers)
                finally:
                    self._open.discard(stream)
        except TooManyStreams as crowded:
            raise HTTPError(crowded.status, refusal(Code.TOO_MANY_OPERATIONS, crowded.reason), RETRY) from None

    async def close(self) -> None:
        """End every stream so that its client comes back, and wait until their operations are cleaned up."""
        self._closing = True
        streams = list(self._open)
        for stream in streams:
            stream.restart()
        await asyncio.gather(*(stream.ended.wait() for stream in streams))


class Stream:
    """One response. Nothing in it waits for its reader but the task that writes, and the operation when the outbox is full."""

    def __init__(self, executor: Executor, gate: StreamSlots, framing: Framing, send: Send) -> None:
        self.ended = asyncio.Event()
        self._executor = executor
        self._gate = gate
        self._framing = framing
        self._send = send
        self._outbox = Outbox(self._write, gate.limits.outbox_bytes, gate.limits.stall_seconds)
        self._last_words: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    async def run(self, request: OperationRequest, viewer: Viewer, receive: Receive, headers: Headers) -> None:
        """Return when the response has ended and everything it ran is cleaned up."""
        kind = (b"content-type", self._framing.content_type)
        await self._send({"type": "http.response.start", "status": 200, "headers": [kind, *HEADERS, *headers]})
        self._outbox.push(self._framing.opening)
        writing = asyncio.create_task(self._outbox.write())
        gone = asyncio.create_task(disconnected(receive))
        works = (partial(self._operate, request, viewer), partial(self._watch, viewer), self._beat)
        tasks = [gone, *(asyncio.create_task(self._guarded(work)) for work in works)]
        try:
            await asyncio.wait((gone, self._last_words), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await self._finish(writing)
            await asyncio.gather(*tasks, return_exceptions=True)
            self.ended.set()

    def restart(self) -> None:
        """End it: the server does."""
        self._end(self._framing.restarting)

    def _end(self, last_words: bytes | None) -> None:
        """The first to ask decides. None: all is said, or nobody reads it."""
        if not self._last_words.done():
            self._last_words.set_result(last_words)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Stalled:
            self._end(None)
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets to know and an id
            self._end(self._framing.failed(masked_refusal(error).errors))

    async def _operate(self, request: OperationRequest, viewer: Viewer) -> None:
        try:
            async with aclosing(self._executor.stream(request, viewer)) as payloads:
                async for payload in payloads:
                    await self._outbox.put(self._framing.next(payload))
        except OperationRejected as refused:
            await self._outbox.put(self._framing.next(refused_answer(refused).body))
        await self._outbox.put(self._framing.complete)
        await self._outbox.flush()
        self._end(None)

    async def _watch(self, viewer: Viewer) -> None:
        reason = await self._gate.until_ended(viewer)
        self._end(self._framing.failed(refusal(Code.UNAUTHENTICATED, reason).errors))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._gate.limits.heartbeat_seconds)
            self._outbox.push(self._framing.heartbeat)

    async def _write(self, message: bytes) -> None:
        await self._send({"type": "http.response.body", "body": message, "more_body": message is not self._framing.complete})

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        """Say the last words if there are any; a client that does not read gets a moment and no more."""
        last_words = self._last_words.result() if self._last_words.done() else None
        if last_words is not None:
            await self._outbox.drain(self._gate.limits.close_seconds)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        if last_words is not None:
            await self._say(last_words)

    async def _say(self, last_words: bytes) -> None:
        try:
            async with asyncio.timeout(self._gate.limits.close_seconds):
                await self._send({"type": "http.response.body", "body": last_words})
        except (OSError, RuntimeError):  # ended already (TimeoutError is an OSError)
            return


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
