"""Responses that the data plane makes itself, with headers that forbid caching and framing."""

from collections.abc import Iterable

import orjson

from connect.access_errors import AccessError
from connect.requests import Headers, Send

CODE_HEADER = b"studiograph-code"
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
COMMON_HEADERS: Headers = [(b"cache-control", b"no-store"), *SECURITY_HEADERS]


class Response:
    """The status, headers and body of one HTTP response."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = (), kind: bytes = b"text/plain") -> None:
        self.status = status
        self.body = body
        self.headers: Headers = [
            (b"content-type", kind + b"; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]

    async def send(self, send: Send, *, head: bool = False) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})

    async def deny(self, send: Send) -> None:
        """Sends the response instead of accepting a WebSocket."""
        await send({"type": "websocket.http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "websocket.http.response.body", "body": self.body})


def redirect(location: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Returns a redirect by GET. The caller builds `location` from checked parts only."""
    referrer = (b"referrer-policy", b"no-referrer")
    return Response(303, b"", [(b"location", location.encode("ascii")), referrer, *COMMON_HEADERS, *headers])


def for_program(refusal: AccessError, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Returns an access error as JSON, with the code in a header (B58)."""
    retry = [(b"retry-after", b"5")] if refusal.text.status >= 500 else []
    code = (CODE_HEADER, str(refusal.code).encode())
    return Response(refusal.text.status, orjson.dumps(refusal.as_json()), [code, *retry, *COMMON_HEADERS, *headers], b"application/json")
