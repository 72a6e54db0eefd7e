"""Relays one WebSocket between a browser and a tool, with close codes and with back-pressure in both directions."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMsgType

from connect import proxy_headers
from connect.access_errors import AccessError
from connect.active_request import ActiveRequest
from connect.requests import Headers, Receive, Request, Send
from connect.responses import CODE_HEADER, COMMON_HEADERS, Response
from connect.server_protocols import MAX_MESSAGE_BYTES, allow_large_messages
from connect.upstreams import Tool
from services.domain.statuses import ConnectionErrorCode

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 1.0
SESSION_END_WAIT_SECONDS = 1.0
SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
NO_CLOSE_FRAME = 1006
"""The code of a connection that ended without a close frame (RFC 6455 section 7.4.1)."""
TOOL_ABORTED = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The tool closed the connection without a close frame.")
HANDSHAKE_HEADERS = frozenset({b"set-cookie"})


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


async def run(request: Request, receive: Receive, send: Send, active_request: ActiveRequest, tool: Tool, scheme: str) -> None:
    """Connects to the tool, accepts the client, and relays messages. Raises aiohttp.ClientConnectorError before it answers the client."""
    allow_large_messages(request.scope)
    try:
        upstream = await _dial(request, tool, scheme)
    except aiohttp.WSServerHandshakeError as error:
        await _forward_rejection(error, send)
        return
    async with upstream:
        passed = proxy_headers.downstream(upstream._response.raw_headers, 101)
        accepted = [(name, value) for name, value in passed if name in HANDSHAKE_HEADERS]
        await send({"type": "websocket.accept", "subprotocol": upstream.protocol, "headers": accepted})
        close = await _relay(receive, send, upstream, active_request)
        await _close_both(send, upstream, close, active_request)


async def refuse(request: Request, receive: Receive, send: Send, refusal: AccessError) -> None:
    """Accepts the WebSocket and closes it with the code of the refusal: browsers hide the response to a refused handshake (B58)."""
    await receive()
    protocol = (request.scope.get("subprotocols") or [None])[0]
    code: Headers = [(CODE_HEADER, str(refusal.code).encode())]
    await send({"type": "websocket.accept", "subprotocol": protocol, "headers": code})
    await send({"type": "websocket.close", "code": refusal.text.close_code, "reason": refusal.close_reason})


async def _dial(request: Request, tool: Tool, scheme: str) -> ClientWebSocketResponse[bool]:
    return await tool.client.ws_connect(
        tool.url(request),
        headers=proxy_headers.upstream(request, scheme, tool.address.headers),
        protocols=request.scope.get("subprotocols") or (),
        max_msg_size=MAX_MESSAGE_BYTES,
        timeout=ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
        autoclose=False,
    )


async def _forward_rejection(error: aiohttp.WSServerHandshakeError, send: Send) -> None:
    """Passes the status on with which the tool refused the handshake."""
    status = error.status if 400 <= error.status < 600 else 502
    await Response(status, b"The tool declined the WebSocket.", COMMON_HEADERS).deny(send)


async def _relay(receive: Receive, send: Send, upstream: ClientWebSocketResponse[bool], active_request: ActiveRequest) -> CloseFrame | None:
    """Relays messages until one side closes. Returns how it ended, or None if the user lost the right."""
    to_tool = asyncio.create_task(_to_tool(receive, upstream, active_request), name="websocket to tool")
    to_client = asyncio.create_task(_to_client(upstream, send), name="websocket to client")
    ended = asyncio.create_task(active_request.ended(), name="websocket end")
    try:
        await asyncio.wait([to_tool, to_client, ended], return_when=asyncio.FIRST_COMPLETED)
        if active_request.refusal:
            return None
        return _outcome(to_client, by_client=True) if to_client.done() else _outcome(to_tool, by_client=False)
    finally:
        for task in (to_tool, to_client, ended):
            task.cancel()
        await asyncio.gather(to_tool, to_client, ended, return_exceptions=True)


def _outcome(task: "asyncio.Task[CloseFrame]", *, by_client: bool) -> CloseFrame:
    """Returns the result of the task; if it failed, a close without a frame by the side that it wrote to."""
    error = task.exception()
    if error is None:
        return task.result()
    logger.info("websocket failed: %s: %s", type(error).__name__, error)
    return CloseFrame(NO_CLOSE_FRAME, by_client=by_client)


async def _to_tool(receive: Receive, upstream: ClientWebSocketResponse[bool], active_request: ActiveRequest) -> CloseFrame:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return CloseFrame(message.get("code") or 1005, message.get("reason") or "", by_client=True)
        if message["type"] == "websocket.receive":
            active_request.touch()
            if message.get("text") is not None:
                await upstream.send_str(message["text"])
            else:
                await upstream.send_bytes(message["bytes"])


async def _to_client(upstream: ClientWebSocketResponse[bool], send: Send) -> CloseFrame:
    while True:
        message = await upstream.receive()
        if message.type is WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
        elif message.type is WSMsgType.CLOSE:
            return CloseFrame(message.data or 1005, message.extra or "")
        elif message.type in {WSMsgType.ERROR, WSMsgType.CLOSED, WSMsgType.CLOSING}:
            return CloseFrame(NO_CLOSE_FRAME)


async def _close_both(send: Send, upstream: ClientWebSocketResponse[bool], close: CloseFrame | None, active_request: ActiveRequest) -> None:
    """Closes the sides that are still open. If the tool closed without a frame, the code says whether the session has ended."""
    refusal = active_request.refusal
    if close and close.code == NO_CLOSE_FRAME and not close.by_client:
        refusal = await active_request.ended_within(SESSION_END_WAIT_SECONDS) or TOOL_ABORTED
    if refusal:
        await _close_client(send, refusal.text.close_code, refusal.close_reason)
    elif close and not close.by_client:
        await _close_client(send, close.sendable, close.reason)
    await upstream.close(code=close.sendable if close else 1001, message=close.reason.encode() if close else b"")


async def _close_client(send: Send, code: int, reason: str) -> None:
    """Closes the client's side; a client that reads nothing is dropped after CLOSE_TIMEOUT_S."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await send({"type": "websocket.close", "code": code, "reason": reason})
