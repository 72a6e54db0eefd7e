"""Selects the headers that pass between a browser and a tool, and adds those of the proxy (RFC 9110 section 7.6)."""

from collections.abc import Iterable, Mapping, Set

from connect import cookies
from connect.requests import Headers, Request

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
    | {b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
NOT_UPSTREAM = HOP_BY_HOP | {b"expect", b"forwarded", b"x-real-ip", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
NOT_UPSTREAM |= {b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-server"}
CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
WEBSOCKET_HEADERS = frozenset({b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol"})
NOT_DOWNSTREAM = HOP_BY_HOP | {b"date", b"service-worker-allowed", b"clear-site-data", b"alt-svc"}
"""`Clear-Site-Data` and `Service-Worker-Allowed` reach beyond the tool; `Date` is set by our listener."""


def request_head(request: Request, scheme: str, own: Mapping[str, str], extra: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Returns the request line and headers for the tool, with the bytes of target and values as they came."""
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.target)]
    lines += [b"%b: %b" % header for header in [*upstream(request, scheme, own), *extra]]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def upstream(request: Request, scheme: str, own: Mapping[str, str]) -> Headers:
    """Returns the headers of the request for the tool. `own` are those of the session, and replace the client's of the same name.

    Underscores count as hyphens in what is dropped: many tools read headers through CGI variables, where both are the same.
    """
    named = _named_by_connection(request.header(b"connection"))
    dropped = (NOT_UPSTREAM | WEBSOCKET_HEADERS if request.is_websocket else NOT_UPSTREAM) | {name.lower().encode() for name in own}
    if request.is_navigation:
        dropped |= CONDITIONS  # a 304 would show, in a whole tab, what the browser keeps from the shell's frame
    is_chunked = request.header(b"transfer-encoding") is not None
    if is_chunked:
        dropped |= {b"content-length"}
    passed = [
        (name, visible)
        for name, value in request.headers
        if not _is_dropped(name, dropped) and name not in named and (visible := _visible_to_tool(name, value)) is not None
    ]
    ours = {"X-Forwarded-For": request.client, "X-Forwarded-Proto": scheme, "X-Forwarded-Host": request.host, **own}
    framing = [(b"Transfer-Encoding", b"chunked")] if is_chunked else []
    return [*passed, *((name.encode(), value.encode()) for name, value in ours.items()), *framing]


def downstream(headers: Headers, status: int) -> Headers:
    """Returns the headers of the tool's response, whose names are in lower case, for the browser."""
    connection = b", ".join(value for name, value in headers if name == b"connection")
    dropped = NOT_DOWNSTREAM | _named_by_connection(connection)
    if status in {204, 304} or any(name == b"transfer-encoding" for name, _ in headers):
        dropped |= {b"content-length"}
    return [(name, value) for name, value in headers if name not in dropped and (name != b"set-cookie" or cookies.may_be_set(value))]


def _is_dropped(name: bytes, dropped: Set[bytes]) -> bool:
    return name in dropped or (b"_" in name and name.replace(b"_", b"-") in dropped | {b"content-length"})


def _named_by_connection(header: bytes | None) -> frozenset[bytes]:
    """Returns the header names that a Connection header declares hop-by-hop, without those that must always be forwarded."""
    if not header:
        return frozenset()
    return frozenset(name.strip().lower() for name in header.split(b",")) - {b"host", b"content-length", b"cookie", b"authorization"}


def _visible_to_tool(name: bytes, value: bytes) -> bytes | None:
    """Returns the value without the server's cookies and tokens; None if the header is not forwarded."""
    if name == b"cookie":
        return cookies.without_ours(value) or None
    if name == b"authorization" and cookies.carries_our_token(value):
        return None
    return value
