"""Answers HTTP/1.0 clients without chunked coding: a body of unknown length ends with the connection (RFC 9112 section 6.3)."""

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class UntilClose:
    """Wraps the application for one request of an HTTP/1.0 client, whose connection uvicorn closes after the response."""

    def __init__(self, app: ASGI3Application, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._is_open_ended = False

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_unchunked(message: ASGISendEvent) -> None:
            self._prepare(message)
            await send(message)

        await self._app(scope, receive, send_unchunked)

    def _prepare(self, message: ASGISendEvent) -> None:
        """Tells uvicorn that the body is not chunked, and that each piece of it has the length that is expected."""
        if message["type"] == "http.response.start":
            self._is_open_ended = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if self._is_open_ended:
                self._cycle.chunked_encoding = False
        elif message["type"] == "http.response.body" and self._is_open_ended:
            self._cycle.expected_content_length = len(message.get("body", b""))
