"""The server's WebSocket protocol: uvicorn's, with bounds on the work of one turn of the event loop and on unfinished messages."""

import asyncio
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.http11 import Request as UpgradeRequest

from connect.frame_scheduler import PARSED_BYTES
from connect.port_limits import PortLimits
from connect.requests import BARE_QUERY_EXTENSION
from services.connections.served_connection import CONNECTION_EXTENSION

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The size of one WebSocket message to or from the tool of a session. GraphQL has a limit of its own, 64 KiB."""
MAX_UNAUTHORIZED_MESSAGE_BYTES = 128 * 1024
"""The size of one WebSocket message of a client that was not admitted to a session: above GraphQL's limit, so that GraphQL can answer
with its own close reason first."""
FRAGMENT_BYTES = 100
"""What one fragment of a message is counted for besides its content: empty ones take memory, too."""
QUIET_SECONDS = 0.5
"""The time without data after which a connection is closed whose messages are not read any more."""
MESSAGES_PER_TURN = 32
"""The number of messages that an application receives before others have a turn of the event loop."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Parses frames by the scheduler of the port, and only while the application has taken all messages before.

    A socket whose unfinished message exceeds the limit is closed with 1009; one that holds most when all hold too much, with 1013.
    """

    limits = PortLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unparsed = memoryview(b"")
        self._is_parsing = False
        self._is_admitted = False
        self._is_cut = False
        self._received_messages = 0
        self._quiet_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.limits.anonymous.add(self, transport.get_extra_info("peername"))

    def handle_connect(self, event: UpgradeRequest) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][CONNECTION_EXTENSION] = self  # type: ignore[assignment]
            if event.path.endswith("?"):
                self.scope["extensions"][BARE_QUERY_EXTENSION] = {}

    def authenticate(self) -> None:
        """Takes the connection out of the bounds on anonymous connections."""
        self.limits.anonymous.remove(self)

    def admit(self) -> None:
        """Allows messages of MAX_MESSAGE_BYTES from now on."""
        self.authenticate()
        self.limits.unauthorized_messages.release(self)
        self._is_admitted = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed = memoryview(b"")
        self._release()
        self.limits.anonymous.remove(self)
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
            return
        if self._is_cut:
            self._close_when_quiet()
            return
        self._unparsed = memoryview(bytes(self._unparsed) + data if self._unparsed else bytes(data))
        self._parse_soon()

    async def receive(self) -> ASGIReceiveEvent:
        self._received_messages += 1
        if self._received_messages % MESSAGES_PER_TURN == 0:
            await asyncio.sleep(0)
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._parse_soon()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self._parse_soon()  # reads the client's close frame, which may be behind messages

    def handle_ping(self) -> None:
        """Drops the pong for a client that does not read: pongs would gather without bound."""
        output = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(output)

    def drop_unfinished(self) -> None:
        self._cut(CloseCode.TRY_AGAIN_LATER, "The server holds too many unfinished messages.")

    def close_for_room(self) -> None:
        self._cut(CloseCode.TRY_AGAIN_LATER, "The server has too many connections. Try again later.")
        self.transport.close()

    def _parse_soon(self) -> None:
        if self._unparsed and not self._is_parsing and not self.read_paused:
            self._is_parsing = True
            self.limits.frames.submit(self._parse_step)
        self._read_or_pause()

    def _parse_step(self) -> bool:
        """Parses the next bytes. Returns whether there are more, and the application has no message to take before."""
        piece, self._unparsed = bytes(self._unparsed[:PARSED_BYTES]), self._unparsed[PARSED_BYTES:]
        if piece and not self.transport.is_closing():
            super().data_received(piece)
            self._check_size()
        else:
            self._unparsed = memoryview(b"")
        self._is_parsing = bool(self._unparsed) and not self.read_paused
        if not self._is_parsing:
            self._read_or_pause()
        return self._is_parsing

    def _read_or_pause(self) -> None:
        if self.transport.is_closing() or self._is_cut:
            return
        if self._unparsed or self.read_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _check_size(self) -> None:
        size = len(self.conn.reader.buffer) + (self.conn.current_size or 0) + FRAGMENT_BYTES * len(self.frames)
        if self._is_cut or self.transport.is_closing():
            return
        if size > (MAX_MESSAGE_BYTES if self._is_admitted else MAX_UNAUTHORIZED_MESSAGE_BYTES):
            self._cut(CloseCode.MESSAGE_TOO_BIG, "")
        else:
            budget = self.limits.messages if self._is_admitted else self.limits.unauthorized_messages
            budget.hold(self, size + len(self._unparsed))

    def _release(self) -> None:
        self.limits.messages.release(self)
        self.limits.unauthorized_messages.release(self)

    def _cut(self, code: CloseCode, reason: str) -> None:
        """Sends a close frame, and drops what was received and what comes from now on.

        The connection is closed once the client has read the frame and sends nothing more, or after the close timeout: a close with
        unread data would reset the connection before the client reads the code.
        """
        self._is_cut = True
        self._release()
        self.conn.fail(code, reason)
        self.conn.reader.discard()
        self.frames = []
        self._unparsed = memoryview(b"")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code)})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.close_timer or self.loop.call_later(self.close_timeout, self.transport.close)
        self._close_when_quiet()

    def _close_when_quiet(self) -> None:
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
        self._quiet_timer = self.loop.call_later(QUIET_SECONDS, self.transport.close)
        self.transport.resume_reading()
