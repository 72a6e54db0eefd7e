"""Runs graphql-transport-ws on one accepted socket, from its first message to its close."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any

from schema.error_masking import masked, masked_rejection
from schema.execution import Executor
from schema.request_errors import Code, OperationRejected, operation_rejected
from schema.requests import OperationRequest
from schema.transport import messages
from schema.transport.messages import Close, CloseFrame, Message
from schema.transport.request_headers import Scope, header
from schema.transport.send_queue import ReaderStalled, SendQueue
from schema.transport.stream_slots import StreamSlots
from services.connections.served_connection import authenticated
from services.domain.access import Viewer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SLOW = CloseFrame(Close.TRY_LATER, "Messages were not read in time. Connect again and resume by cursor.")
"""Clients retry after the code 1013, and their cursor brings the events that they missed."""


class Connection:
    """A connection. Receiving never waits for authentication, operations or the reader."""

    def __init__(self, executor: Executor, slots: StreamSlots, receive: Receive, send: Send, scope: Scope) -> None:
        self.ended = asyncio.Event()
        self._executor = executor
        self._slots = slots
        self._limits = slots.limits
        self._receive = receive
        self._send = send
        self._scope = scope
        self._send_queue = SendQueue(self._write, self._limits.send_queue_bytes, self._limits.stall_seconds)
        self._close_frame: asyncio.Future[CloseFrame] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._initialised = False
        self._viewer: Viewer | None = None

    async def run(self) -> None:
        """Returns when the socket is closed and all its tasks have ended."""
        writing = asyncio.create_task(self._send_queue.write())
        receiving = self._start(self._receive_all)
        too_late = CloseFrame(Close.INIT_TIMEOUT, "Connection initialisation timeout.")
        self._timer = asyncio.get_running_loop().call_later(self._limits.init_seconds, self.close, too_late)
        try:
            await asyncio.wait((receiving, self._close_frame), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            await self._finish(writing)
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._viewer is not None:
                self._slots.release(self._viewer)
            self.ended.set()

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait for the client to read."""
        return self._send_queue.queued_bytes

    def close(self, frame: CloseFrame) -> None:
        """Requests the close. The first request decides code and reason."""
        if not self._close_frame.done():
            self._close_frame.set_result(frame)

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        """Sends the close frame if the client is still connected; one that does not read gets `close_seconds`."""
        if self._close_frame.done():
            frame = self._close_frame.result()
            if frame is not SLOW:
                await self._send_queue.drain(self._limits.close_seconds)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._send_close(frame)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    async def _send_close(self, frame: CloseFrame) -> None:
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await self._send({"type": "websocket.close", "code": int(frame.code), "reason": frame.reason})
        except (OSError, RuntimeError):  # closed already (TimeoutError is an OSError)
            return

    def _start(self, work: Callable[..., Awaitable[None]], *arguments: object) -> asyncio.Task[None]:
        """Runs `work` as a task of the connection. A CloseFrame that it raises closes the socket, and so does an unexpected error."""
        task = asyncio.create_task(self._guarded(work, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Callable[..., Awaitable[None]], *arguments: object) -> None:
        try:
            await work(*arguments)  # called only here: what is cancelled before it begins leaves no coroutine behind
        except CloseFrame as frame:
            self.close(frame)
        except ReaderStalled:
            self.close(SLOW)
        except Exception as error:  # noqa: BLE001 - 1011, which uvicorn would give, makes clients stop for good
            self.close(CloseFrame(Close.TRY_LATER, masked(error)[0]))

    async def _receive_all(self) -> None:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return
            text = event.get("text")
            if text is None:
                raise CloseFrame(Close.BAD_MESSAGE, "Messages are text, not binary.")
            if len(text) > self._limits.message_bytes or len(text.encode()) > self._limits.message_bytes:
                raise CloseFrame(Close.TOO_BIG, f"A message may have at most {self._limits.message_bytes} bytes.")
            self._handle(messages.read(text))

    def _handle(self, message: Message) -> None:
        match message:
            case Message("connection_init", payload=payload):
                self._initialise(payload or {})
            case Message("subscribe", request=OperationRequest() as request):
                self._subscribe(message.id, request)
            case Message("complete"):
                if task := self._operations.pop(message.id, None):
                    task.cancel()
            case Message("ping", payload=payload):
                self._push(messages.simple("pong", payload))

    def _initialise(self, payload: dict[str, Any]) -> None:
        if self._initialised:
            raise CloseFrame(Close.DUPLICATE_INIT, "Too many initialisation requests.")
        self._initialised = True
        self._timer.cancel()
        self._start(self._authenticate, payload)

    async def _authenticate(self, payload: dict[str, Any]) -> None:
        self._viewer = await self._slots.admit(
            payload.get("Authorization"), payload.get("authorization"), header(self._scope, "authorization")
        )
        authenticated(self._scope)
        self._push(messages.simple("connection_ack"))
        raise CloseFrame(Close.FORBIDDEN, await self._slots.until_ended(self._viewer))

    def _subscribe(self, name: str, request: OperationRequest) -> None:
        if self._viewer is None:
            raise CloseFrame(Close.UNAUTHORIZED, "Unauthorized: wait for connection_ack.")
        if name in self._operations:
            raise CloseFrame(Close.DUPLICATE_ID, f"Subscriber for {name} already exists.")
        if len(self._operations) >= self._limits.operations:
            rejection = operation_rejected(Code.TOO_MANY_OPERATIONS, f"At most {self._limits.operations} operations may run on one socket.")
            self._push(messages.error(messages.encoded_id(name), rejection))
            return
        self._operations[name] = self._start(self._operate, name, request)

    async def _operate(self, name: str, request: OperationRequest) -> None:
        identifier = messages.encoded_id(name)
        last = messages.complete(identifier)
        try:
            async with aclosing(self._executor.stream(request, self._viewer)) as payloads:
                async for payload in payloads:
                    await self._send_queue.put(messages.next_(identifier, payload))
        except OperationRejected as rejection:
            last = messages.error(identifier, rejection)
        except ReaderStalled:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails, it ends this operation and no other
            last = messages.error(identifier, masked_rejection(error))
        if self._operations.get(name) is asyncio.current_task():
            del self._operations[name]  # before the client can read that the id is free again
        await self._send_queue.put(last)

    async def _write(self, message: bytes) -> None:
        await self._send({"type": "websocket.send", "text": message.decode()})

    def _push(self, message: bytes) -> None:
        if not self._send_queue.push(message):
            raise SLOW
