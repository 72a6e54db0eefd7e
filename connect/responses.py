"""Answers of our own: small, never cached, told apart from a tool's by what they forbid."""

from collections.abc import Iterable

import orjson

from connect.access_errors import AccessError
from connect.requests import Headers, Send

CODE_HEADER = b"studiograph-code"
HARDENED: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
COMMON: Headers = [(b"cache-control", b"no-store"), *HARDENED]


class Response:
    """Status, headers and body of one answer."""

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
        """Send it in place of a WebSocket's acceptance."""
        await send({"type": "websocket.http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "websocket.http.response.body", "body": self.body})


def redirect(location: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Elsewhere, by GET. The caller builds `location`: nothing in it comes from a request unchecked."""
    referrer = (b"referrer-policy", b"no-referrer")
    return Response(303, b"", [(b"location", location.encode("ascii")), referrer, *COMMON, *headers])


def for_program(refusal: AccessError, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """A refusal as JSON, with the code in a header (B58)."""
    retry = [(b"retry-after", b"5")] if refusal.text.status >= 500 else []
    code = (CODE_HEADER, str(refusal.code).encode())
    return Response(refusal.text.status, orjson.dumps(refusal.as_json()), [code, *retry, *COMMON, *headers], b"application/json")
