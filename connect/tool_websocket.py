"""The proxy's side of a WebSocket to a tool (RFC 6455), on the sans-I/O protocol of `websockets`."""

import asyncio
import base64
import hashlib
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from connect import proxy_headers
from connect.frame_scheduler import PARSED_BYTES
from connect.port_limits import PortLimits
from connect.requests import Headers, Request
from connect.tool_connection import ToolConnection
from connect.tool_response import BadResponse, ResponseHead, ResponseParser, ToolResponse
from connect.upstreams import Tool
from connect.websocket_protocol import FRAGMENT_BYTES, MAX_MESSAGE_BYTES, MESSAGES_PER_TURN

CLOSE_TIMEOUT_S = 1.0
NO_CLOSE_FRAME = 1006
"""The code of a connection that ended without a close frame (RFC 6455 section 7.4.1)."""
NO_STATUS = 1005
SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeRejected(Exception):
    """The tool answered the handshake with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """The code and reason with which a WebSocket ended, and whether the client ended it."""

    code: int
    reason: str = ""
    by_client: bool = False

    @property
    def sendable(self) -> int:
        """The code for a close frame: codes that must not be sent (such as 1005 and 1006) become 1000."""
        return self.code if self.code in SENDABLE_CODES or 3000 <= self.code < 5000 else 1000


class ToolWebSocket:
    """An open WebSocket to a tool, for one reader and one writer. `headers` are those of the tool's handshake."""

    def __init__(self, connection: ToolConnection, headers: Headers, unparsed: bytes, limits: PortLimits) -> None:
        self.headers = headers
        self._connection = connection
        self._limits = limits
        self._protocol = Protocol(Side.CLIENT, state=OPEN, max_size=MAX_MESSAGE_BYTES)
        self._unparsed = memoryview(unparsed)
        self._fragments: list[bytes | bytearray | memoryview] = []
        self._is_text = False
        self._received_messages = 0
        self._messages: deque[str | bytes | CloseFrame] = deque()

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the tool chose."""
        return next((value.decode("latin-1") for name, value in self.headers if name == b"sec-websocket-protocol"), None)

    async def receive(self) -> str | bytes | CloseFrame:
        """Returns the next message; at the end a CloseFrame, with NO_CLOSE_FRAME after an error. Answers pings."""
        self._received_messages += 1
        if self._received_messages % MESSAGES_PER_TURN == 0:
            await asyncio.sleep(0)
        while not self._messages:
            try:
                await self._advance()
            except OSError:
                self._messages.append(CloseFrame(NO_CLOSE_FRAME))
        return self._messages.popleft()

    async def send(self, message: str | bytes) -> None:
        """Sends a message once the tool has read enough of the earlier ones. Raises OSError."""
        try:
            if isinstance(message, str):
                self._protocol.send_text(message.encode())
            else:
                self._protocol.send_binary(message)
        except InvalidState as error:
            raise ConnectionResetError("the WebSocket is closed") from error
        await self._flush()

    async def close(self, code: int, reason: str) -> None:
        """Sends a close frame unless one was sent, waits CLOSE_TIMEOUT_S for the tool's, and closes the connection."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                with suppress(InvalidState):
                    self._protocol.send_close(code, reason)
                await self._flush()
                while self._protocol.close_rcvd is None and (data := await self._connection.read()):
                    self._protocol.receive_data(data)
                    self._protocol.events_received()
        except OSError:  # the tool is gone, or does not answer (TimeoutError is an OSError)
            return
        finally:
            self._limits.messages.release(self)
            self._connection.close()

    def drop_unfinished(self) -> None:
        self._messages.append(CloseFrame(CloseCode.TRY_AGAIN_LATER, "The server holds too many unfinished messages."))
        self._fragments.clear()
        self._protocol.reader.discard()
        self._unparsed = memoryview(b"")
        self._connection.close()

    async def _advance(self) -> None:
        """Reads and parses until there is a message, or all that was read is parsed."""
        if not self._unparsed:
            self._unparsed = memoryview(await self._connection.read())
        if self._unparsed:
            parsed = asyncio.get_running_loop().create_future()
            self._limits.frames.submit(lambda: self._parse_step(parsed))
            await parsed
        else:
            self._messages.append(CloseFrame(NO_CLOSE_FRAME))

    def _parse_step(self, parsed: "asyncio.Future[None]") -> bool:
        """Parses the next bytes. Returns whether there are more, and none of them was a message."""
        piece, self._unparsed = bytes(self._unparsed[:PARSED_BYTES]), self._unparsed[PARSED_BYTES:]
        self._parse(piece)
        size = len(self._protocol.reader.buffer) + (self._protocol.current_size or 0) + FRAGMENT_BYTES * len(self._fragments)
        self._limits.messages.hold(self, size)
        if self._unparsed and not self._messages and not parsed.cancelled():
            return True
        if not parsed.done():
            parsed.set_result(None)
        return False

    def _parse(self, data: bytes) -> None:
        """Parses the next bytes. The pongs of a tool that does not read them are dropped: waiting for it would stop the reading, too."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._handle(event)
        if self._protocol.parser_exc is not None:
            self._messages.append(CloseFrame(NO_CLOSE_FRAME))
        self._connection.write_if_possible(b"".join(self._protocol.data_to_send()))

    def _handle(self, frame: Frame) -> None:
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._is_text = frame.opcode is Opcode.TEXT
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._fragments.append(frame.data)
            if frame.fin:
                self._messages.append(self._message())
        elif frame.opcode is Opcode.CLOSE:
            received = self._protocol.close_rcvd
            self._messages.append(CloseFrame(received.code if received else NO_STATUS, received.reason if received else ""))

    def _message(self) -> str | bytes | CloseFrame:
        data = b"".join(self._fragments)
        self._fragments.clear()
        try:
            return data.decode() if self._is_text else data
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA)
            return CloseFrame(NO_CLOSE_FRAME)

    async def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            await self._connection.write(data)


async def open_websocket(tool: Tool, request: Request, scheme: str, limits: PortLimits) -> ToolWebSocket:
    """Opens a WebSocket for the client's request. Raises ToolNotListening, HandshakeRejected, BadResponse, or OSError."""
    key = base64.b64encode(os.urandom(16))
    connection = await tool.connect()
    try:
        await connection.write(proxy_headers.request_head(request, scheme, tool.address.headers, _handshake(request, key)))
        response = ToolResponse(connection, ResponseParser("GET", upgrade=True))
        head = await response.head()
        if head.status != 101:
            raise HandshakeRejected(head.status)
        _check(head, key, request)
        return ToolWebSocket(connection, head.headers, response.rest, limits)
    except BaseException:
        connection.close()
        raise


def _handshake(request: Request, key: bytes) -> Headers:
    """Returns the headers that ask for a WebSocket, without extensions: messages pass as they are."""
    headers = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Key", key)]
    offered = request.header(b"sec-websocket-protocol")
    return [*headers, (b"Sec-WebSocket-Protocol", offered)] if offered else headers


def _check(head: ResponseHead, key: bytes, request: Request) -> None:
    """Raises BadResponse unless the tool accepts this very handshake (RFC 6455 section 4.1)."""
    named = dict(head.headers)
    accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    if named.get(b"upgrade", b"").lower() != b"websocket" or named.get(b"sec-websocket-accept") != accept:
        raise BadResponse("its handshake is not that of a WebSocket")
    if b"sec-websocket-extensions" in named:
        raise BadResponse("it uses an extension that was not offered")
    chosen = [value.decode("latin-1") for name, value in head.headers if name == b"sec-websocket-protocol"]
    if len(chosen) > 1 or not set(chosen) <= set(request.scope.get("subprotocols") or ()):
        raise BadResponse("it chose a subprotocol that was not offered")
