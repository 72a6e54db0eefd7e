"""A request of the data plane, with its raw values from the ASGI scope (docs/architecture.md#the-data-plane)."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from connect.access_errors import BAD_REQUEST, CROSS_ORIGIN, AccessError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_PATH_BYTES = 8192
MAX_QUERY_BYTES = 32768
MAX_HEADERS_BYTES = 65536
MAX_HEADER_COUNT = 128
MAX_PARAMETERS = 50
SAME_ORIGIN_SITES = frozenset({None, b"none", b"same-origin"})
"""The values of Sec-Fetch-Site that are not of another origin. Any other spelling, or more than one value, no browser sends."""

BARE_QUERY_EXTENSION = "studiograph.bare-query"
"""In the `extensions` of a scope: the request target ends with a `?` that no query follows."""

_BAD_PATH = re.compile(rb"^(?!/)|^//|[\\\x00-\x20\x7f-\xff]|%(?:0[0-8a-fA-F]|1[0-9a-fA-F]|7[fF])|/(?:\.|%2[eE]){1,2}(?:/|$)")
"""Escaped control characters are refused, but for the tabulator, which names of files may have."""
_BAD_QUERY = re.compile(rb"[\x00-\x20\x7f-\xff]")


class Request:
    """A request, or the opening handshake of a WebSocket. Repeated headers are joined, so that all their values are checked."""

    __slots__ = ("_joined", "headers", "is_websocket", "method", "query", "raw_path", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.is_websocket = scope["type"] == "websocket"
        self.method: str = "GET" if self.is_websocket else scope["method"]
        self.raw_path: bytes = scope.get("raw_path") or b""
        self.query: bytes = scope["query_string"]
        self.headers: Headers = scope["headers"]
        joined: dict[bytes, bytes] = {}
        for name, value in self.headers:
            joined[name] = joined[name] + (b"; " if name == b"cookie" else b", ") + value if name in joined else value
        self._joined = joined

    def header(self, name: bytes) -> bytes | None:
        """Returns the value of the header with this lower-case name, or None."""
        return self._joined.get(name)

    @property
    def host(self) -> str:
        """The Host header in lower case, since hosts are compared without regard to case (RFC 9110 section 4.2.3); empty if missing."""
        return (self.header(b"host") or b"").decode("latin-1").lower()

    @property
    def target(self) -> bytes:
        """The path and query exactly as they came."""
        has_query = self.query or BARE_QUERY_EXTENSION in (self.scope.get("extensions") or {})
        return self.raw_path + b"?" + self.query if has_query else self.raw_path

    @property
    def has_body(self) -> bool:
        return self.header(b"transfer-encoding") is not None or self.header(b"content-length") not in {None, b"0"}

    @property
    def client(self) -> str:
        return str((self.scope.get("client") or ("",))[0])

    def parameter(self, name: str) -> str | None:
        """Returns a decoded query parameter; None unless it occurs exactly once, in a query of at most MAX_PARAMETERS parameters."""
        try:
            values = parse_qs(self.query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS).get(name, [])
        except ValueError:
            return None
        return values[0] if len(values) == 1 else None

    @property
    def is_page_load(self) -> bool:
        """Whether a browser loads the response as a document, in a tab or in a frame."""
        if self.is_websocket or self.method not in {"GET", "HEAD", "POST"}:
            return False
        destination = self.header(b"sec-fetch-dest")
        if destination is not None:
            return destination in {b"document", b"iframe", b"frame"} or self._is_forwarded_navigation
        return b"text/html" in (self.header(b"accept") or b"")

    @property
    def _is_forwarded_navigation(self) -> bool:
        """Whether a service worker of the tool forwards a navigation: that hides whether it is one of a frame or of a whole tab."""
        return self.header(b"sec-fetch-mode") == b"navigate" and self.header(b"sec-fetch-dest") == b"empty"

    @property
    def is_navigation(self) -> bool:
        """Whether a browser loads the response as the document of a whole tab."""
        return self.method in {"GET", "HEAD"} and self.is_page_load and self.header(b"sec-fetch-dest") in {None, b"document"}

    @property
    def is_from_browser(self) -> bool:
        """Whether a browser sent the request, as far as its headers tell: no program sends Sec-Fetch headers, or asks for a page."""
        return self.header(b"sec-fetch-dest") is not None or self.is_page_load

    def is_framed(self, shell_origin: str) -> bool:
        """Returns whether a browser loads the response in a frame: by Sec-Fetch-Dest, or where that is hidden, because the shell asks."""
        destination = self.header(b"sec-fetch-dest")
        if destination is None or self._is_forwarded_navigation:
            return self.is_page_load and self.is_from(shell_origin)
        return destination in {b"iframe", b"frame"}

    def is_from(self, origin: str) -> bool:
        """Returns whether a page of `origin` is the referrer."""
        return (self.header(b"referer") or b"").startswith(f"{origin}/".encode())

    def is_own_endpoint(self) -> bool:
        """Returns whether the path is under `/_sg`, also percent-encoded: such paths never go to a tool."""
        path = self.raw_path if b"%" not in self.raw_path[:16] else unquote_to_bytes(self.raw_path)
        return path == b"/_sg" or path.startswith(b"/_sg/")

    def problem(self) -> AccessError | None:
        """Returns the error of a path or of headers that are never accepted; None if they are acceptable."""
        if len(self.raw_path) > MAX_PATH_BYTES or len(self.query) > MAX_QUERY_BYTES:
            return AccessError(BAD_REQUEST, "The address is too long.")
        if _BAD_PATH.search(self.raw_path) or _BAD_QUERY.search(self.query):
            return AccessError(BAD_REQUEST, "The path has characters or segments that browsers do not send.")
        if len(self.headers) > MAX_HEADER_COUNT or sum(len(name) + len(value) for name, value in self.headers) > MAX_HEADERS_BYTES:
            return AccessError(BAD_REQUEST, "The headers are too long.")
        return None

    def cross_origin(self, own: str, shell_origin: str | None = None) -> AccessError | None:
        """Returns the error of a request that a page of another origin caused, unless it is a visit by a plain link; else None.

        Pages of other sessions are other origins, too: browsers count them as the same site and would send cookies along. The shell at
        `shell_origin` may load pages in its frame.
        """
        origin = self.header(b"origin")
        if self.is_websocket:
            return None if origin == own.encode() else AccessError(CROSS_ORIGIN, f"A WebSocket here needs the header Origin: {own}.")
        site = self.header(b"sec-fetch-site")
        is_unnamed = origin == b"null" and site == b"same-origin"  # a form of the tool with `Referrer-Policy: no-referrer`
        if origin is not None and origin != own.encode() and not is_unnamed:
            return AccessError(CROSS_ORIGIN, "The header Origin names another origin.")
        if site not in SAME_ORIGIN_SITES and not self._is_plain_visit() and not (shell_origin and self._is_frame_of(shell_origin)):
            return AccessError(CROSS_ORIGIN, "A page of another origin sent the request.")
        return None

    def _is_frame_of(self, shell_origin: str) -> bool:
        """Returns whether the shell loads a page in its frame. A page can hide its Referer, but not give that of another origin."""
        fetched = (self.header(b"sec-fetch-site"), self.header(b"sec-fetch-mode"))
        is_frame = self.header(b"sec-fetch-dest") == b"iframe" or self._is_forwarded_navigation
        return fetched == (b"same-site", b"navigate") and is_frame and self.method == "GET" and self.is_from(shell_origin)

    def _is_plain_visit(self) -> bool:
        return self.is_navigation and self.header(b"sec-fetch-mode") in {None, b"navigate"}
