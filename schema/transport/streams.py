"""Serves streams over HTTP: a response for each operation, until the operation, the client, its token or the server ends."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from functools import partial
from typing import Any

from schema.error_masking import masked_rejection
from schema.execution import Executor
from schema.execution_results import rejected_answer
from schema.request_errors import Code, OperationRejected, operation_rejected
from schema.requests import OperationRequest
from schema.transport.framing import Framing
from schema.transport.http_errors import RETRY_AFTER, Headers, HTTPError
from schema.transport.send_queue import ReaderStalled, SendQueue
from schema.transport.stream_slots import StreamSlots, TooManyStreams
from services.domain.access import Viewer
from services.runtime import metrics

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
]


class Streams:
    """The open streams of this process. After `close` no stream begins."""

    def __init__(self, executor: Executor, slots: StreamSlots) -> None:
        self._executor = executor
        self._slots = slots
        self._open: set[Stream] = set()
        self._closing = False

    def __len__(self) -> int:
        """Returns the number of open streams."""
        return len(self._open)

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait for all clients to read."""
        return sum(stream.queued_bytes for stream in self._open)

    async def serve(
        self, framing: Framing, request: OperationRequest, viewer: Viewer, receive: Receive, send: Send, headers: Headers
    ) -> None:
        """Answers with a stream, until its end. Raises HTTPError if no slot is free, before anything is sent."""
        if self._closing:
            raise HTTPError(503, operation_rejected(Code.RESTARTING, "The server is restarting. Try again in a moment."), RETRY_AFTER)
        try:
            with self._slots.reserve(viewer):
                stream = Stream(self._executor, self._slots, framing, send)
                self._open.add(stream)
                try:
                    with metrics.STREAMS.track_inprogress():
                        await stream.run(request, viewer, receive, headers)
                finally:
                    self._open.discard(stream)
        except TooManyStreams as error:
            raise HTTPError(error.status, operation_rejected(Code.TOO_MANY_OPERATIONS, error.reason), RETRY_AFTER) from None

    async def close(self) -> None:
        """Ends every stream so that its client connects again, and waits until the operations are cleaned up."""
        self._closing = True
        streams = list(self._open)
        for stream in streams:
            stream.restart()
        await asyncio.gather(*(stream.ended.wait() for stream in streams))


class Stream:
    """One streamed response. Only the writing task waits for the reader, and the operation while the queue is full."""

    def __init__(self, executor: Executor, slots: StreamSlots, framing: Framing, send: Send) -> None:
        self.ended = asyncio.Event()
        self._executor = executor
        self._slots = slots
        self._framing = framing
        self._send = send
        self._send_queue = SendQueue(self._write, slots.limits.send_queue_bytes, slots.limits.stall_seconds)
        self._final_message: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    async def run(self, request: OperationRequest, viewer: Viewer, receive: Receive, headers: Headers) -> None:
        """Returns when the response has ended and all its tasks have ended."""
        content_type = (b"content-type", self._framing.content_type)
        await self._send({"type": "http.response.start", "status": 200, "headers": [content_type, *HEADERS, *headers]})
        self._send_queue.push(self._framing.opening)
        writing = asyncio.create_task(self._send_queue.write())
        disconnection = asyncio.create_task(disconnected(receive))
        works = (partial(self._operate, request, viewer), partial(self._wait_for_token_end, viewer), self._send_heartbeats)
        tasks = [disconnection, *(asyncio.create_task(self._guarded(work)) for work in works)]
        try:
            await asyncio.wait((disconnection, self._final_message), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await self._finish(writing)
            await asyncio.gather(*tasks, return_exceptions=True)
            self.ended.set()

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait for the client to read."""
        return self._send_queue.queued_bytes

    def restart(self) -> None:
        """Ends the response because the server stops."""
        self._end(self._framing.restarting)

    def _end(self, final_message: bytes | None) -> None:
        """Ends the response after this message. The first call decides. None: there is nothing to send, or nobody reads it."""
        if not self._final_message.done():
            self._final_message.set_result(final_message)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except ReaderStalled:
            self._end(None)
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets to know and an id
            self._end(self._framing.failed(masked_rejection(error).errors))

    async def _operate(self, request: OperationRequest, viewer: Viewer) -> None:
        try:
            async with aclosing(self._executor.stream(request, viewer)) as payloads:
                async for payload in payloads:
                    await self._send_queue.put(self._framing.next(payload))
        except OperationRejected as rejection:
            await self._send_queue.put(self._framing.next(rejected_answer(rejection).body))
        await self._send_queue.put(self._framing.complete)
        await self._send_queue.flush()
        self._end(None)

    async def _wait_for_token_end(self, viewer: Viewer) -> None:
        reason = await self._slots.until_ended(viewer)
        self._end(self._framing.failed(operation_rejected(Code.UNAUTHENTICATED, reason).errors))

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._slots.limits.heartbeat_seconds)
            self._send_queue.push(self._framing.heartbeat)

    async def _write(self, message: bytes) -> None:
        await self._send({"type": "http.response.body", "body": message, "more_body": message is not self._framing.complete})

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        """Sends the final message, if there is one; a client that does not read gets `close_seconds`."""
        final_message = self._final_message.result() if self._final_message.done() else None
        if final_message is not None:
            await self._send_queue.drain(self._slots.limits.close_seconds)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        if final_message is not None:
            await self._send_final(final_message)

    async def _send_final(self, final_message: bytes) -> None:
        try:
            async with asyncio.timeout(self._slots.limits.close_seconds):
                await self._send({"type": "http.response.body", "body": final_message})
        except (OSError, RuntimeError):  # the response has ended (TimeoutError is an OSError)
            return


async def disconnected(receive: Receive) -> None:
    """Returns when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
