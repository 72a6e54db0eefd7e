"""Accepts WebSockets for GraphQL: checks origin and subprotocol (graphql-transport-ws only), and runs a connection."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from schema.execution import Executor
from schema.transport.connection import Connection
from schema.transport.messages import SUBPROTOCOL, Close, CloseFrame
from schema.transport.request_headers import Scope, header, origin, own_origin
from schema.transport.stream_slots import StreamSlots, TooManyStreams
from services.runtime import metrics

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class GraphQLWebSocket:
    """An ASGI application for one path.

    `origins` are those whose pages may connect besides the server's own; requests without Origin come from programs and pass, since
    nothing here authenticates by itself.
    """

    def __init__(self, executor: Executor, slots: StreamSlots, *, origins: Collection[str] = ()) -> None:
        self._executor = executor
        self._slots = slots
        self._origins = {origin(text) for text in origins} - {None}
        self._connections: set[Connection] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not self._is_allowed_origin(scope):
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
            return
        is_supported = SUBPROTOCOL in scope["subprotocols"]
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if is_supported else None})
            if not is_supported:
                await _close(send, Close.BAD_SUBPROTOCOL, f"Subprotocol not acceptable: use {SUBPROTOCOL}.")
            else:
                await self._serve(scope, receive, send)
        except OSError:  # the client disconnected
            return

    def __len__(self) -> int:
        """Returns the number of open sockets."""
        return len(self._connections)

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait for all clients to read."""
        return sum(connection.queued_bytes for connection in self._connections)

    def __bool__(self) -> bool:
        return True  # without sockets it is still an application

    async def close(self) -> None:
        """Closes every socket with 1012, after which clients connect again, and waits until the operations are cleaned up."""
        connections = list(self._connections)
        for connection in connections:
            connection.close(CloseFrame(Close.RESTART, "The server is restarting."))
        await asyncio.gather(*(connection.ended.wait() for connection in connections))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._slots.reserve():
                await self._run(Connection(self._executor, self._slots, receive, send, scope))
        except TooManyStreams as error:
            await _close(send, Close.TRY_LATER, error.reason)

    async def _run(self, connection: Connection) -> None:
        self._connections.add(connection)
        try:
            with metrics.SOCKETS.track_inprogress():
                await connection.run()
        finally:
            self._connections.discard(connection)

    def _is_allowed_origin(self, scope: Scope) -> bool:
        sent = header(scope, "origin")
        if sent is None:
            return True
        parsed = origin(sent)
        return parsed is not None and (parsed == own_origin(scope) or parsed in self._origins)


async def _close(send: Send, code: Close, reason: str) -> None:
    await send({"type": "websocket.close", "code": int(code), "reason": reason})
