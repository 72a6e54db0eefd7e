"""HTTP and WebSocket protocols of the server's port, with limits on size and time.

The limits are those of the proxy; the GraphQL handlers keep smaller ones (docs/architecture.md#the-data-plane).
"""

import asyncio
import logging
import socket
from functools import cache
from ipaddress import IPv4Network, IPv6Address, ip_address
from typing import Any, TypedDict

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.http11 import Request as UpgradeRequest

from connect.requests import Scope

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 65536
HEAD_TIMEOUT_S = 30.0
"""From the first byte of a request, or from the connection on, until its headers have come: who sends them slower holds a descriptor."""
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Bytes of one WebSocket message; a session's tool may send such. GraphQL's own limit is 64 KiB."""
MAX_UNAUTHORIZED_MESSAGE_BYTES = 128 * 1024
"""The same of whoever was not let into a session: more than GraphQL's limit, so that its own words are said where they can be."""
LARGE_MESSAGES_EXTENSION = "studiograph.large-messages"
PING_INTERVAL_S = 10.0


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which by itself reads headers without end: 64 KiB without their end are answered by 431, 30 s by 408.

    Nothing is taken from `sessions`, the subnets of sessions on this machine's engine, nor at an address of ours in them: where the
    packet filter does not keep sessions from this port (no root, or a container that has joined their networks), this does.
    """

    sessions: IPv4Network | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = 0
        self._in_head = True
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Answers leave at once: head and body are written apart, and Nagle's algorithm would hold the second back for 40 ms."""
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
        self._head = 0
        self._in_head = True
        self._start_head_timeout()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._cancel_head_timeout()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def _start_head_timeout(self) -> None:
        self._cancel_head_timeout()
        self._limit = self.loop.call_later(HEAD_TIMEOUT_S, self._refuse, b"408 Request Timeout")

    def _cancel_head_timeout(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _refuse(self, status: bytes) -> None:
        """Without a word into another answer, or where nothing was asked: browsers open connections ahead, and would show it later."""
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._head and not is_answering:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, which by itself holds a message of any size that some may have until it is whole.

    Strangers would fill the memory so. Their sockets are closed by 1009 as soon as what is not whole is longer than they may send.
    """

    _max_message_bytes = MAX_UNAUTHORIZED_MESSAGE_BYTES
    _is_cut = False

    def handle_connect(self, event: UpgradeRequest) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][LARGE_MESSAGES_EXTENSION] = {"allow": self._allow_large}

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting = len(self.conn.reader.buffer) + (self.conn.current_size or 0) + len(self.frames)  # even of nothing, each is kept
        if waiting > self._max_message_bytes and not self._is_cut and not self.transport.is_closing():
            self._is_cut = True
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG)  # from now on what comes is dropped
            self._close_in_time()

    def _close_in_time(self) -> None:
        """To close at once, with something unread, would take the code from a client that still sends."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(CloseCode.MESSAGE_TOO_BIG)})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.close_timer or self.loop.call_later(self.close_timeout, self.transport.close)

    def _allow_large(self) -> None:
        self._max_message_bytes = MAX_MESSAGE_BYTES


def allow_large_messages(scope: Scope) -> None:
    """Whoever is at the other end may send what tools may be sent from now on. Listeners of other kinds have their own limits."""
    extension = (scope.get("extensions") or {}).get(LARGE_MESSAGES_EXTENSION)
    if extension:
        extension["allow"]()


@cache
def _warn_once() -> None:
    """Once: a session could fill the log."""
    logger.warning("A connection out of the subnets of sessions was dropped; a person's there needs another STUDIOGRAPH_DOCKER_SUBNETS")


def _is_in_network(name: Any, network: IPv4Network) -> bool:
    """Whether the address of a socket's end is in the network; a path of a unix socket is not."""
    if not isinstance(name, tuple):
        return False
    address = ip_address(name[0].partition("%")[0])
    return ((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address) in network


class ServerOptions(TypedDict):
    """What `uvicorn.Config` is given for any server that carries sessions."""

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


SERVER_OPTIONS = ServerOptions(
    http=HttpProtocol,
    ws=WebSocketProtocol,
    ws_max_size=MAX_MESSAGE_BYTES,
    ws_ping_interval=PING_INTERVAL_S,
    ws_ping_timeout=PING_INTERVAL_S,
    ws_per_message_deflate=False,  # a proxy would unpack and pack every message again
    server_header=False,
    date_header=True,
    proxy_headers=False,  # decisions are made from raw values, never from what a header claims
    timeout_keep_alive=75,
)


def options(sessions: IPv4Network) -> ServerOptions:
    """The same, with sessions of these subnets kept out."""
    return {**SERVER_OPTIONS, "http": type("GuardedHttp", (HttpProtocol,), {"sessions": sessions})}
