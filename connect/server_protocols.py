"""The HTTP protocol of the server's port, with limits on size and time, and the options of a server with all of them.

The limits are those of the proxy; the GraphQL handlers keep smaller ones (docs/architecture.md#the-data-plane).
"""

import asyncio
import logging
import socket
from functools import cache
from ipaddress import IPv4Network, IPv6Address, ip_address
from typing import Any, TypedDict

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from connect.http10 import UntilClose
from connect.port_limits import PortLimits
from connect.requests import BARE_QUERY_EXTENSION
from connect.websocket_protocol import MAX_MESSAGE_BYTES, WebSocketProtocol

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 65536
"""The size of a request line with its headers."""
HEAD_TIMEOUT_S = 30.0
"""The time from the connection, or from the first byte of a request, to the end of its headers. Each slow client holds a descriptor."""
PING_INTERVAL_S = 10.0
DEFAULT_PORTS = {b"http": 80, b"https": 443}
STATUS_LINE.update({status: b"HTTP/1.1 %d \r\n" % status for status in range(600, 1000)})  # uvicorn's table ends at 599


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits on the headers: more than MAX_HEAD_BYTES is answered by 431, more than HEAD_TIMEOUT_S by 408.

    Connections that come from or to an address in `sessions`, the subnets of sessions on this machine's engine, are dropped: this keeps
    sessions from the port where no packet filter does (without root, or in a container that has joined their networks).
    """

    sessions: IPv4Network | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._head_timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Sets TCP_NODELAY: head and body are written apart, and Nagle's algorithm would delay the second by 40 ms."""
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        if self.sessions and any(_is_in_network(transport.get_extra_info(end), self.sessions) for end in ("peername", "sockname")):
            _warn_once()
            transport.abort()
        self._start_head_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_timeout()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._in_head = True
        self._start_head_timeout()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Raises ValueError, which becomes a 400, if the request target names another host than the header Host."""
        self._in_head = False
        self._cancel_head_timeout()
        if not self.url.startswith(b"/") and not _is_addressed_to(self.url, dict(self.headers).get(b"host", b"")):
            raise ValueError("the request target and the header Host name different hosts (RFC 9112 section 3.2.2)")
        super().on_headers_complete()
        if self.url.endswith(b"?"):
            self.scope["extensions"] = {BARE_QUERY_EXTENSION: {}}

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, UntilClose(app, cycle) if is_old else app)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def _start_head_timeout(self) -> None:
        self._cancel_head_timeout()
        self._head_timeout = self.loop.call_later(HEAD_TIMEOUT_S, self._refuse, b"408 Request Timeout")

    def _cancel_head_timeout(self) -> None:
        if self._head_timeout is not None:
            self._head_timeout.cancel()
            self._head_timeout = None

    def _refuse(self, status: bytes) -> None:
        """Closes the connection, with `status` only if a request has begun and no response is under way.

        Browsers open connections in advance, and would take the response for that of their next request.
        """
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._head_bytes and not is_answering:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


@cache
def _warn_once() -> None:
    """Warns once per process, because a session could fill the log."""
    logger.warning(
        "Dropped a connection from the subnets of sessions. If users connect from there, set STUDIOGRAPH_DOCKER_SUBNETS to other subnets"
    )


def _is_in_network(name: Any, network: IPv4Network) -> bool:
    """Returns whether a socket address is in the network; False for the path of a unix socket."""
    if not isinstance(name, tuple):
        return False
    address = ip_address(name[0].partition("%")[0])
    return ((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address) in network


def _is_addressed_to(target: bytes, host: bytes) -> bool:
    """Returns whether a request target in absolute form names the host and port of the header Host."""
    try:
        url, header = httptools.parse_url(target), httptools.parse_url(b"http://" + host)
    except httptools.HttpParserInvalidURLError:
        return False
    if url.schema is None or url.host is None or url.userinfo is not None or header.host is None:
        return False
    default = DEFAULT_PORTS.get(url.schema.lower())
    return (url.host.lower(), url.port or default) == (header.host.lower(), header.port or default)


class ServerOptions(TypedDict):
    """The options of `uvicorn.Config` for a server of the data plane."""

    http: type[HttpProtocol]
    ws: type[WebSocketProtocol]
    ws_max_size: int
    ws_ping_interval: float
    ws_ping_timeout: float
    ws_per_message_deflate: bool
    server_header: bool
    date_header: bool
    proxy_headers: bool
    timeout_keep_alive: int


def options(sessions: IPv4Network | None, limits: PortLimits) -> ServerOptions:
    """Returns the options of a server whose connections share `limits`, and which drops connections from the subnets of sessions."""
    return ServerOptions(
        http=type("LimitedHttp", (HttpProtocol,), {"sessions": sessions}),
        ws=type("LimitedWebSocket", (WebSocketProtocol,), {"limits": limits}),
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_INTERVAL_S,
        ws_per_message_deflate=False,  # a proxy would unpack and pack every message again
        server_header=False,
        date_header=True,
        proxy_headers=False,  # decisions are made from raw values, never from what a header claims
        timeout_keep_alive=75,
    )
