"""The server's HTTP protocol: uvicorn's, with limits on time and size for each phase of a request."""

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import cache
from ipaddress import IPv4Network, IPv6Address, ip_address
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from connect.http10 import UntilClose
from connect.port_limits import PortLimits
from connect.requests import BARE_QUERY_EXTENSION
from services.connections.served_connection import CONNECTION_EXTENSION

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 65536
"""The size of a request line with its headers."""
HEAD_TIMEOUT_S = 30.0
"""The time from the connection, or from the first byte of a request, to the end of its headers. Each slow client holds a descriptor."""
BODY_TIMEOUT_S = 30.0
"""The time that a client takes to send a whole body, unless it was admitted to a session."""
BODY_PAUSE_TIMEOUT_S = 60.0
"""The longest pause in a body that a client sends to a session. What the tool does not read makes no pause."""
RESPONSE_PAUSE_TIMEOUT_S = 60.0
"""The time in which a client must take what waits of a response, unless it was admitted to a session."""
MAX_DISCARDED_BYTES = 1024 * 1024
"""What a client may send of a body after it got its response, unless it was admitted to a session."""
DEFAULT_PORTS = {b"http": 80, b"https": 443}
STATUS_LINE.update({status: b"HTTP/1.1 %d \r\n" % status for status in range(600, 1000)})  # uvicorn's table ends at 599


class HttpProtocol(HttpToolsProtocol):
    """Ends requests whose head is too large (431), or whose head or body does not come in time (408), and responses that nobody reads.

    Connections that come from or to an address in `sessions`, the subnets of sessions on this machine's engine, are dropped: this keeps
    sessions from the port where no packet filter does (without root, or in a container that has joined their networks).
    """

    sessions: IPv4Network | None = None
    limits = PortLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._in_head = True
        self._is_admitted = False
        self._body_came_at = 0.0
        self._phase_timer: asyncio.TimerHandle | None = None
        self._response_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Sets TCP_NODELAY: head and body are written apart, and Nagle's algorithm would delay the second by 40 ms."""
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        if self.sessions and any(_is_in_network(transport.get_extra_info(end), self.sessions) for end in ("peername", "sockname")):
            _warn_once()
            transport.abort()
            return
        self.limits.anonymous.add(self, transport.get_extra_info("peername"))
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timers()
        self.limits.anonymous.remove(self)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._end_timers()
        self.limits.anonymous.remove(self)  # the WebSocket protocol counts from now on
        super().handle_websocket_upgrade()

    def authenticate(self) -> None:
        """Takes the connection out of the bounds on anonymous connections."""
        self.limits.anonymous.remove(self)

    def admit(self) -> None:
        """Gives the connection the limits of a client that was admitted to a session: large bodies and slow readers are its own affair."""
        self.authenticate()
        self._is_admitted = True
        self.resume_writing()

    def close_for_room(self) -> None:
        self._refuse(b"503 Service Unavailable")

    def on_message_begin(self) -> None:
        self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Raises ValueError, which becomes a 400, if the request target names another host than the header Host."""
        self._in_head = False
        if not self.url.startswith(b"/") and not _is_addressed_to(self.url, dict(self.headers).get(b"host", b"")):
            raise ValueError("the request target and the header Host name different hosts (RFC 9112 section 3.2.2)")
        super().on_headers_complete()
        bare_query: dict[str, object] = {BARE_QUERY_EXTENSION: {}} if self.url.endswith(b"?") else {}
        self.scope["extensions"] = {CONNECTION_EXTENSION: self, **bare_query}  # type: ignore[dict-item]
        self._discarded_bytes = 0
        self._start_phase(BODY_TIMEOUT_S, self._on_body_timeout)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._body_came_at = self.loop.time()
        if self.cycle is not None and self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > MAX_DISCARDED_BYTES and not self._is_admitted:
                self.transport.close()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._end_phase()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self not in self.connections:
            return  # refused, or a WebSocket now
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")
        elif self._phase_timer is None and self.timeout_keep_alive_task is None and self.cycle.response_complete:
            self._expect_head()  # these bytes ended uvicorn's time for an idle connection, and began no request

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._is_admitted and self._response_timer is None:
            self._response_timer = self.loop.call_later(RESPONSE_PAUSE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._response_timer is not None:
            self._response_timer.cancel()
            self._response_timer = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, UntilClose(app, cycle) if is_old else app)

    def _expect_head(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        self._start_phase(HEAD_TIMEOUT_S, self._on_head_timeout)

    def _start_phase(self, seconds: float, on_timeout: Callable[[], None]) -> None:
        self._end_phase()
        self._phase_timer = self.loop.call_later(seconds, on_timeout)

    def _end_phase(self) -> None:
        if self._phase_timer is not None:
            self._phase_timer.cancel()
            self._phase_timer = None

    def _end_timers(self) -> None:
        self._end_phase()
        if self._response_timer is not None:
            self._response_timer.cancel()
            self._response_timer = None

    def _on_head_timeout(self) -> None:
        if self.flow.read_paused:  # a pipelined request waits for the response before it
            self._start_phase(HEAD_TIMEOUT_S, self._on_head_timeout)
        else:
            self._refuse(b"408 Request Timeout")

    def _on_body_timeout(self) -> None:
        """Ends the request, unless it is the server that does not read, or a client of a session that still sends."""
        may_pause = self._is_admitted and not self.cycle.response_complete
        left = self._body_came_at + BODY_PAUSE_TIMEOUT_S - self.loop.time() if may_pause else 0
        if self.flow.read_paused:
            self._start_phase(BODY_TIMEOUT_S, self._on_body_timeout)
        elif left > 0:
            self._start_phase(left, self._on_body_timeout)
        else:
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        """Closes the connection, with `status` only if a request has begun and nothing of a response was sent.

        Browsers open connections in advance, and would take the response for that of their next request.
        """
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        can_answer = self._head_bytes and not is_answering if self._in_head else not (self.cycle.response_started or self.pipeline)
        if can_answer:
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
