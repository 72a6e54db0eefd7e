"""One socket's conversation, from its first message to its close."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any

from schema.error_masking import masked, masked_refusal
from schema.execution import Executor
from schema.request_errors import Code, OperationRejected, refusal
from schema.requests import OperationRequest
from schema.transport import messages
from schema.transport.messages import Close, CloseFrame, Message
from schema.transport.send_queue import Outbox, Stalled
from schema.transport.stream_slots import StreamSlots
from services.domain.access import Viewer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SLOW = CloseFrame(Close.TRY_LATER, "Messages were not read in time. Connect again and resume by cursor.")
"""1013 is a code that clients retry; their cursor brings them what they missed."""


class Connection:
    """Runs the protocol on an accepted socket. Receiving never waits for authentication, operations or the reader."""

    def __init__(self, executor: Executor, gate: StreamSlots, receive: Receive, send: Send, authorization: str | None) -> None:
        self.ended = asyncio.Event()
        self._executor = executor
        self._gate = gate
        self._limits = gate.limits
        self._receive = receive
        self._send = send
        self._authorization = authorization
        self._outbox = Outbox(self._write, self._limits.outbox_bytes, self._limits.stall_seconds)
        self._closing: asyncio.Future[CloseFrame] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._initialised = False
        self._viewer: Viewer | None = None

    async def run(self) -> None:
        """Return when the socket is closed and everything it ran is cleaned up."""
        writing = asyncio.create_task(self._outbox.write())
        receiving = self._start(self._receive_all)
        too_late = CloseFrame(Close.INIT_TIMEOUT, "Connection initialisation timeout.")
        self._timer = asyncio.get_running_loop().call_later(self._limits.init_seconds, self.close, too_late)
        try:
            await asyncio.wait((receiving, self._closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            await self._finish(writing)
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._viewer is not None:
                self._gate.leave(self._viewer)
            self.ended.set()

    def close(self, closing: CloseFrame) -> None:
        """Ask for the close; the first to ask gives code and reason."""
        if not self._closing.done():
            self._closing.set_result(closing)

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        """Say goodbye if the client is still there. One that does not read gets a moment and no more."""
        if self._closing.done():
            closing = self._closing.result()
            if closing is not SLOW:
                await self._outbox.drain(self._limits.close_seconds)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._send_close(closing)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    async def _send_close(self, closing: CloseFrame) -> None:
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await self._send({"type": "websocket.close", "code": int(closing.code), "reason": closing.reason})
        except (OSError, RuntimeError):  # closed already (TimeoutError is an OSError)
            return

    def _start(self, work: Callable[..., Awaitable[None]], *arguments: object) -> asyncio.Task[None]:
        """Run beside the receiving; a Closing raised there closes the socket, as does a failure of ours."""
        task = asyncio.create_task(self._guarded(work, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Callable[..., Awaitable[None]], *arguments: object) -> None:
        try:
            await work(*arguments)  # called only here: what is cancelled before it begins leaves no coroutine behind
        except CloseFrame as closing:
            self.close(closing)
        except Stalled:
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
        self._viewer = await self._gate.enter(payload.get("Authorization"), payload.get("authorization"), self._authorization)
        self._push(messages.simple("connection_ack"))
        raise CloseFrame(Close.FORBIDDEN, await self._gate.until_ended(self._viewer))

    def _subscribe(self, name: str, request: OperationRequest) -> None:
        if self._viewer is None:
            raise CloseFrame(Close.UNAUTHORIZED, "Unauthorized: wait for connection_ack.")
        if name in self._operations:
            raise CloseFrame(Close.DUPLICATE_ID, f"Subscriber for {name} already exists.")
        if len(self._operations) >= self._limits.operations:
            refused = refusal(Code.TOO_MANY_OPERATIONS, f"At most {self._limits.operations} operations may run on one socket.")
            self._push(messages.error(messages.encoded_id(name), refused))
            return
        self._operations[name] = self._start(self._operate, name, request)

    async def _operate(self, name: str, request: OperationRequest) -> None:
        identifier = messages.encoded_id(name)
        last = messages.complete(identifier)
        try:
            async with aclosing(self._executor.stream(request, self._viewer)) as payloads:
                async for payload in payloads:
                    await self._outbox.put(messages.next_(identifier, payload))
        except OperationRejected as refused:
            last = messages.error(identifier, refused)
        except Stalled:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails, it ends this operation and no other
            last = messages.error(identifier, masked_refusal(error))
        if self._operations.get(name) is asyncio.current_task():
            del self._operations[name]  # before the client can read that the id is free again
        await self._outbox.put(last)

    async def _write(self, message: bytes) -> None:
        await self._send({"type": "websocket.send", "text": message.decode()})

    def _push(self, message: bytes) -> None:
        if not self._outbox.push(message):
            raise SLOW
