"""Forwards one HTTP exchange to a tool, streamed in both directions: no side is read faster than the other accepts data."""

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp

from connect import proxy_headers
from connect.access_errors import AccessDenied, AccessError
from connect.active_request import ActiveRequest
from connect.requests import Headers, Receive, Request, Send
from connect.upstreams import Tool
from services.domain.statuses import ConnectionErrorCode

logger = logging.getLogger(__name__)

DISCONNECT_CHECK_DELAY_S = 0.25
"""The age of an exchange from which on it is watched whether the client has left; most end earlier."""
SESSION_END_WAIT_SECONDS = 0.5
"""How long a failed exchange waits for the news that the session has ended, before it calls the tool unreachable."""
UNREACHABLE = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The session runs, but its tool does not answer.")
ABORTED = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The tool closed the connection without a response.")


class ToolNotListening(Exception):
    """The tool's address accepts no connections."""


class HttpExchange:
    """Forwards one request. It ends early if the client disconnects, or if the user loses the right to use the session."""

    def __init__(self, request: Request, receive: Receive, send: Send, active_request: ActiveRequest) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._active_request = active_request
        self._body_complete = asyncio.Event()
        self._client_left = False
        self._started = False
        self._watching: asyncio.Task[None] | None = None

    async def run(self, tool: Tool, scheme: str, extra: Headers) -> None:
        """Answers the request, with the `extra` headers added. Raises AccessDenied or ToolNotListening, only before anything was sent."""
        task = asyncio.current_task()
        assert task is not None
        failure = await self._attempt(task, tool, scheme, extra)
        if isinstance(failure, aiohttp.ClientConnectorError):
            raise ToolNotListening from failure
        if failure:
            await self._handle_tool_error(failure)

    async def _attempt(self, task: "asyncio.Task[object]", tool: Tool, scheme: str, extra: Headers) -> Exception | None:
        """Forwards until the end, the client's disconnect or the loss of the right. Returns the error if the tool failed, else None."""
        self._active_request.cancel_on_end(task)
        watch = asyncio.get_running_loop().call_later(DISCONNECT_CHECK_DELAY_S, self._watch_client, task)
        try:
            await self._forward(tool, scheme, extra)
        except asyncio.CancelledError:
            self._handle_cancellation(task)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            return error
        finally:
            watch.cancel()
            self._active_request.cancel_on_end(None)
            if self._watching:
                self._watching.cancel()
        return None

    async def _forward(self, tool: Tool, scheme: str, extra: Headers) -> None:
        request = self._request
        outgoing = proxy_headers.upstream(request, scheme, tool.address.headers)
        body = self._body() if _has_body(request) else None
        exchange = tool.client.request(
            request.method, tool.url(request), headers=outgoing, data=body, allow_redirects=False, middlewares=()
        )
        async with exchange as answer:
            if answer.status < 200:
                raise ValueError(f"the tool answered {answer.status} to a plain request")
            passed = proxy_headers.downstream(answer.raw_headers, answer.status)
            self._started = True
            await self._send({"type": "http.response.start", "status": answer.status, "headers": [*passed, *extra]})
            if request.method != "HEAD":
                async for chunk in answer.content.iter_any():
                    await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _body(self) -> AsyncIterator[bytes]:
        while not self._body_complete.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._client_left = True
                raise ConnectionResetError("the client left")
            if not message.get("more_body", False):
                self._body_complete.set()
            if message.get("body"):
                yield message["body"]

    def _watch_client(self, task: "asyncio.Task[object]") -> None:
        """Starts to watch for the client's disconnect."""
        self._watching = asyncio.create_task(self._cancel_on_disconnect(task))

    async def _cancel_on_disconnect(self, task: "asyncio.Task[object]") -> None:
        if _has_body(self._request):
            await self._body_complete.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
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
            raise AccessDenied(await self._active_request.ended_within(SESSION_END_WAIT_SECONDS) or ABORTED) from error


def _has_body(request: Request) -> bool:
    return request.header(b"transfer-encoding") is not None or request.header(b"content-length") not in {None, b"0"}
