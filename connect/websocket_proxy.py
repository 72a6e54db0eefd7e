"""Relays one WebSocket between a browser and a tool, with close codes and with back-pressure in both directions."""

import asyncio
import logging
from contextlib import suppress

from connect import proxy_headers
from connect.access_errors import AccessError
from connect.active_request import ActiveRequest
from connect.http_proxy import ABORTED, BAD_RESPONSE
from connect.port_limits import admit
from connect.requests import Headers, Receive, Request, Send
from connect.responses import CODE_HEADER, COMMON_HEADERS, Response, for_program
from connect.tool_response import BadResponse
from connect.tool_websocket import CLOSE_TIMEOUT_S, NO_CLOSE_FRAME, NO_STATUS, CloseFrame, HandshakeRejected, ToolWebSocket, open_websocket
from connect.upstreams import Tool
from services.domain.statuses import ConnectionErrorCode

logger = logging.getLogger(__name__)

SESSION_END_WAIT_SECONDS = 1.0
TOOL_ABORTED = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The tool closed the connection without a close frame.")
HANDSHAKE_HEADERS = frozenset({b"set-cookie"})


async def run(request: Request, receive: Receive, send: Send, active_request: ActiveRequest, tool: Tool, scheme: str) -> None:
    """Connects to the tool, accepts the client, and relays messages. Raises ToolNotListening before it answers the client."""
    limits = admit(request.scope)
    try:
        upstream = await open_websocket(tool, request, scheme, limits)
    except HandshakeRejected as rejected:
        await _forward_rejection(rejected.status, send)
        return
    except (BadResponse, OSError) as error:
        logger.info("tool of %s failed in a WebSocket handshake: %s: %s", request.host, type(error).__name__, error)
        ending = await active_request.ended_within(SESSION_END_WAIT_SECONDS)
        await for_program(ending or (BAD_RESPONSE if isinstance(error, BadResponse) else ABORTED)).deny(send)
        return
    passed = proxy_headers.downstream(upstream.headers, 101)
    accepted = [(name, value) for name, value in passed if name in HANDSHAKE_HEADERS]
    close: CloseFrame | None = CloseFrame(1001)
    try:
        await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol, "headers": accepted})
        close = await _relay(receive, send, upstream, active_request)
        await _close_client_side(send, close, active_request)
    finally:
        await upstream.close(close.sendable if close else 1001, close.reason if close else "")


async def refuse(request: Request, receive: Receive, send: Send, refusal: AccessError) -> None:
    """Accepts the WebSocket and closes it with the code of the refusal: browsers hide the response to a refused handshake (B58)."""
    await receive()
    protocol = (request.scope.get("subprotocols") or [None])[0]
    code: Headers = [(CODE_HEADER, str(refusal.code).encode())]
    await send({"type": "websocket.accept", "subprotocol": protocol, "headers": code})
    await send({"type": "websocket.close", "code": refusal.text.close_code, "reason": refusal.close_reason})


async def _forward_rejection(tool_status: int, send: Send) -> None:
    """Passes the status on with which the tool refused the handshake."""
    status = tool_status if 400 <= tool_status < 600 else 502
    await Response(status, b"The tool declined the WebSocket.", COMMON_HEADERS).deny(send)


async def _relay(receive: Receive, send: Send, upstream: ToolWebSocket, active_request: ActiveRequest) -> CloseFrame | None:
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


async def _to_tool(receive: Receive, upstream: ToolWebSocket, active_request: ActiveRequest) -> CloseFrame:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return CloseFrame(message.get("code") or NO_STATUS, message.get("reason") or "", by_client=True)
        if message["type"] == "websocket.receive":
            active_request.touch()
            text = message.get("text")
            await upstream.send(message["bytes"] if text is None else text)


async def _to_client(upstream: ToolWebSocket, send: Send) -> CloseFrame:
    while True:
        message = await upstream.receive()
        if isinstance(message, CloseFrame):
            return message
        await send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})


async def _close_client_side(send: Send, close: CloseFrame | None, active_request: ActiveRequest) -> None:
    """Closes the client's side if it is open. If the tool closed without a frame, the code says whether the session has ended."""
    refusal = active_request.refusal
    if close and close.code == NO_CLOSE_FRAME and not close.by_client:
        refusal = await active_request.ended_within(SESSION_END_WAIT_SECONDS) or TOOL_ABORTED
    if refusal:
        await _close_client(send, refusal.text.close_code, refusal.close_reason)
    elif close and not close.by_client:
        await _close_client(send, close.sendable, close.reason)


async def _close_client(send: Send, code: int, reason: str) -> None:
    """Closes the client's side; a client that reads nothing is dropped after CLOSE_TIMEOUT_S."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await send({"type": "websocket.close", "code": code, "reason": reason})
