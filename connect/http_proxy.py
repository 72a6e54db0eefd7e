"""Forwards one HTTP exchange to a tool, streamed in both directions: no side is read faster than the other accepts data."""

import asyncio
import logging
from contextlib import suppress

from connect import proxy_headers
from connect.access_errors import AccessDenied, AccessError
from connect.active_request import ActiveRequest
from connect.requests import Headers, Receive, Send
from connect.tool_connection import ToolConnection
from connect.tool_page import ToolPage
from connect.tool_response import BadResponse, ResponseParser, ToolResponse
from connect.upstreams import Tool
from services.domain.statuses import ConnectionErrorCode

logger = logging.getLogger(__name__)

REPEATABLE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of requests that use a kept connection, and are sent again if the tool was closing it (RFC 9110 section 9.2.2)."""
DISCONNECT_CHECK_DELAY_S = 0.25
"""The age of an exchange from which on it is watched whether the client has left; most end earlier."""
SESSION_END_WAIT_SECONDS = 0.5
"""How long a failed exchange waits for the news that the session has ended, before it calls the tool unreachable."""
UNREACHABLE = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The session runs, but its tool does not answer.")
ABORTED = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The tool closed the connection without a response.")
BAD_RESPONSE = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The tool's response is not valid HTTP.")


class HttpExchange:
    """Forwards one request. It ends early if the client disconnects, or if the user loses the right to use the session."""

    def __init__(self, page: ToolPage, receive: Receive, send: Send, active_request: ActiveRequest) -> None:
        self._page = page
        self._request = page.request
        self._receive = receive
        self._send = send
        self._active_request = active_request
        self._client_left = False
        self._started = False
        self._is_uploaded = not page.request.has_body
        self._background: asyncio.Task[None] | None = None
        """The upload of the body, and after it, or from DISCONNECT_CHECK_DELAY_S on, the watch for the client's disconnect."""

    async def run(self, tool: Tool, scheme: str, extra: Headers) -> None:
        """Answers the request, with the `extra` headers added. Raises AccessDenied or ToolNotListening, only before anything was sent."""
        task = asyncio.current_task()
        assert task is not None
        failure = await self._attempt(task, tool, scheme, extra)
        if failure:
            await self._handle_tool_error(failure)

    async def _attempt(self, task: "asyncio.Task[object]", tool: Tool, scheme: str, extra: Headers) -> Exception | None:
        """Forwards until the end, the client's disconnect or the loss of the right. Returns the error if the tool failed, else None."""
        self._active_request.cancel_on_end(task)
        watch = asyncio.get_running_loop().call_later(DISCONNECT_CHECK_DELAY_S, self._watch_client, task)
        try:
            await self._forward(task, tool, proxy_headers.request_head(self._request, scheme, tool.address.headers), extra)
        except asyncio.CancelledError:
            self._handle_cancellation(task)
        except (BadResponse, OSError) as error:
            return error
        finally:
            watch.cancel()
            self._active_request.cancel_on_end(None)
            if self._background:
                self._background.cancel()
        return None

    async def _forward(self, task: "asyncio.Task[object]", tool: Tool, head: bytes, extra: Headers) -> None:
        """Sends the request on a kept connection only if it may be repeated: the tool may be closing that connection at this moment."""
        kept = tool.take_idle() if self._request.method in REPEATABLE_METHODS and not self._request.has_body else None
        if kept is None or not await self._is_answered(task, tool, kept, head, extra, may_fail=True):
            await self._is_answered(task, tool, await tool.connect(), head, extra)

    async def _is_answered(
        self, task: "asyncio.Task[object]", tool: Tool, connection: ToolConnection, head: bytes, extra: Headers, *, may_fail: bool = False
    ) -> bool:
        """Forwards the exchange on the connection. Returns False if it `may_fail`, and no byte of a response has come."""
        response = ToolResponse(connection, ResponseParser(self._request.method))
        try:
            await connection.write(head)
            if self._request.has_body:
                self._background = asyncio.create_task(self._upload(connection, task), name="upload to tool")
            await self._pass_response(response, extra)
        except OSError:
            if may_fail and not response.has_begun:
                return False
            raise
        finally:
            if response.is_reusable and self._is_uploaded:
                tool.keep(connection)
            else:
                connection.close()
        return True

    async def _pass_response(self, response: ToolResponse, extra: Headers) -> None:
        head = await response.head()
        headers = proxy_headers.downstream(head.headers, head.status)
        self._started = True
        replacement = self._page.replacement(head.status, headers)
        if replacement:
            replacement.headers += extra
            await replacement.send(self._send)
            return
        headers = self._page.adapted(head.status, headers)
        await self._send({"type": "http.response.start", "status": head.status, "headers": [*headers, *extra]})
        async for piece in response.body():
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _upload(self, connection: ToolConnection, task: "asyncio.Task[object]") -> None:
        """Sends the body to the tool as it comes, and then waits for the client's disconnect.

        A tool that takes no more of the body may have answered already, as with an early 413: its response decides, not the failed write.
        """
        with suppress(OSError):
            await self._send_body(connection, task)
        await self._cancel_on_disconnect(task)

    async def _send_body(self, connection: ToolConnection, task: "asyncio.Task[object]") -> None:
        is_chunked = self._request.header(b"transfer-encoding") is not None
        has_more = True
        while has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._end_for_disconnect(task)
                return
            body, has_more = message.get("body", b""), message.get("more_body", False)
            if body:
                await connection.write(b"%x\r\n%b\r\n" % (len(body), body) if is_chunked else body)
        if is_chunked:
            await connection.write(b"0\r\n\r\n")
        self._is_uploaded = True

    def _watch_client(self, task: "asyncio.Task[object]") -> None:
        """Starts to watch for the client's disconnect, unless an upload does so."""
        if self._background is None:
            self._background = asyncio.create_task(self._cancel_on_disconnect(task))

    async def _cancel_on_disconnect(self, task: "asyncio.Task[object]") -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end_for_disconnect(task)

    def _end_for_disconnect(self, task: "asyncio.Task[object]") -> None:
        if not self._client_left:
            self._client_left = True
            task.cancel()

    def _handle_cancellation(self, task: "asyncio.Task[object]") -> None:
        """Absorbs a cancellation of our own (the client left, or the right is lost); raises one that came from outside."""
        if not (self._client_left or self._active_request.refusal):
            raise asyncio.CancelledError
        task.uncancel()
        if self._active_request.refusal and not self._started and not self._client_left:
            raise AccessDenied(self._active_request.refusal)

    async def _handle_tool_error(self, error: Exception) -> None:
        """Reports that the tool failed. A response that has begun is left unfinished, so that the client notices."""
        logger.info("tool of %s failed: %s: %s", self._request.host, type(error).__name__, error)
        if not self._started and not self._client_left:
            reason = BAD_RESPONSE if isinstance(error, BadResponse) else ABORTED
            raise AccessDenied(await self._active_request.ended_within(SESSION_END_WAIT_SECONDS) or reason) from error
