"""One HTTP exchange with a tool, streamed both ways: neither side is read faster than the other takes it."""

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
SESSION_END_WAIT_SECONDS = 0.5
UNREACHABLE = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The session runs, but its tool does not answer.")
CUT = AccessError(ConnectionErrorCode.TOOL_UNREACHABLE, "The tool broke off without an answer.")


class ToolNotListening(Exception):
    """Nobody takes connections at the tool's address."""


class HttpExchange:
    """Forwards one request. A client that leaves, and a right that is lost, end it wherever it stands."""

    def __init__(self, request: Request, receive: Receive, send: Send, active_request: ActiveRequest) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._active_request = active_request
        self._read_all = asyncio.Event()
        self._client_left = False
        self._started = False
        self._watching: asyncio.Task[None] | None = None

    async def run(self, tool: Tool, scheme: str, extra: Headers) -> None:
        """Answer the request; `extra` headers are ours to add. Raises AccessDenied, or ToolNotListening, before anything was sent."""
        task = asyncio.current_task()
        assert task is not None
        broken = await self._attempt(task, tool, scheme, extra)
        if isinstance(broken, aiohttp.ClientConnectorError):
            raise ToolNotListening from broken
        if broken:
            await self._handle_tool_error(broken)

    async def _attempt(self, task: "asyncio.Task[object]", tool: Tool, scheme: str, extra: Headers) -> Exception | None:
        """Forward while somebody waits for it and may have it; returns how the tool broke it off, if it did."""
        self._active_request.cancels(task)
        look = asyncio.get_running_loop().call_later(DISCONNECT_CHECK_DELAY_S, self._watch_client, task)
        try:
            await self._forward(tool, scheme, extra)
        except asyncio.CancelledError:
            self._handle_cancellation(task)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            return error
        finally:
            look.cancel()
            self._active_request.cancels(None)
            if self._watching:
                self._watching.cancel()
        return None

    async def _forward(self, tool: Tool, scheme: str, extra: Headers) -> None:
        request = self._request
        outgoing = proxy_headers.upstream(request, scheme, tool.address.headers)
        body = self._body() if _has_body(request) else None
        asked = tool.client.request(request.method, tool.url(request), headers=outgoing, data=body, allow_redirects=False, middlewares=())
        async with asked as answer:
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
        while not self._read_all.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._client_left = True
                raise ConnectionResetError("the client left")
            if not message.get("more_body", False):
                self._read_all.set()
            if message.get("body"):
                yield message["body"]

    def _watch_client(self, task: "asyncio.Task[object]") -> None:
        """For exchanges that take their time: notice when nobody waits for the answer any more."""
        self._watching = asyncio.create_task(self._wait_for_leaving(task))

    async def _wait_for_leaving(self, task: "asyncio.Task[object]") -> None:
        if _has_body(self._request):
            await self._read_all.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._client_left = True
        task.cancel()

    def _handle_cancellation(self, task: "asyncio.Task[object]") -> None:
        """Ours (the client left, or the right is gone), or that of whoever runs us."""
        if not (self._client_left or self._active_request.refusal):
            raise asyncio.CancelledError
        task.uncancel()
        if self._active_request.refusal and not self._started and not self._client_left:
            raise AccessDenied(self._active_request.refusal)

    async def _handle_tool_error(self, error: Exception) -> None:
        """The tool broke off. What has begun is left unfinished, so that the client sees it is not whole."""
        logger.info("tool of %s broke off: %s: %s", self._request.host, type(error).__name__, error)
        if not self._started and not self._client_left:
            raise AccessDenied(await self._active_request.ended_within(SESSION_END_WAIT_SECONDS) or CUT) from error


def _has_body(request: Request) -> bool:
    return request.header(b"transfer-encoding") is not None or request.header(b"content-length") not in {None, b"0"}
