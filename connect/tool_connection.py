"""Connections to tools: a byte stream with backpressure in both directions, whose received bytes survive a failed write."""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from ipaddress import ip_address
from typing import cast

from services.compute.protocol import Upstream

CONNECT_SECONDS = 5.0
MAX_BUFFERED_BYTES = 65536
"""The received bytes that may wait to be read before the connection stops receiving."""
MAX_DRAINED_BYTES = 262144
"""The bytes that are taken from a connection after a write failed. An early response is far smaller."""
BACKLOG_RETRY_SECONDS = 0.01
"""The time between attempts to connect to a unix socket whose backlog is full, which the kernel does not wait for."""


class ToolConnectionLost(ConnectionError):
    """The connection to the tool failed, or ended before a response was complete."""


class ToolNotListening(Exception):
    """The tool's address accepts no connections."""


class ToolConnection(asyncio.Protocol):
    """One connection to a tool, for one reader and one writer.

    A tool may answer and close without reading all of a request. The write that then fails must not lose the response, so that the
    bytes that the kernel has received are read before the socket is closed.
    """

    def __init__(self, own_socket: socket.socket) -> None:
        self._socket = own_socket
        self._transport: asyncio.Transport
        self._received: deque[bytes] = deque()
        self._received_bytes = 0
        self._is_reading_paused = False
        self._more = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_ended = False
        self._error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._add(bytes(data))
        if self._received_bytes >= MAX_BUFFERED_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._drain()
        self._end(exc)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    @property
    def is_quiet(self) -> bool:
        """Whether the connection is open and nothing was received that nobody asked for: another request may use it."""
        return not self._is_ended and not self._received and not self._transport.is_closing()

    async def read(self) -> bytes:
        """Returns the next bytes, b"" at the end of the stream. Raises ToolConnectionLost after an error."""
        while not self._received:
            if self._error:
                raise ToolConnectionLost(str(self._error)) from self._error
            if self._is_ended:
                return b""
            self._more.clear()
            await self._more.wait()
        data = self._received.popleft()
        self._received_bytes -= len(data)
        if self._is_reading_paused and self._received_bytes < MAX_BUFFERED_BYTES and not self._transport.is_closing():
            self._is_reading_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Sends the bytes once the tool has read enough of the earlier ones. Raises ToolConnectionLost."""
        await self._writable.wait()
        if self._is_ended or self._transport.is_closing():
            raise ToolConnectionLost("the tool closed the connection")
        self._transport.write(data)

    def write_if_possible(self, data: bytes) -> None:
        """Sends the bytes if the tool has read enough of the earlier ones; drops them otherwise."""
        if self._writable.is_set() and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection at once. Nothing that waits to be sent has a reader any more."""
        self._transport.abort()

    def _add(self, data: bytes) -> None:
        self._received.append(data)
        self._received_bytes += len(data)
        self._more.set()

    def _drain(self) -> None:
        limit = self._received_bytes + MAX_DRAINED_BYTES
        with suppress(OSError):  # nothing more has come, or the socket is closed already
            while self._received_bytes < limit and (data := self._socket.recv(MAX_BUFFERED_BYTES)):
                self._add(data)

    def _end(self, error: Exception | None) -> None:
        self._is_ended = True
        self._error = self._error or error
        self._more.set()
        self._writable.set()


async def dial(address: Upstream) -> ToolConnection:
    """Opens a connection within CONNECT_SECONDS. Raises ToolNotListening."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await (_dial_unix(address.unix) if address.unix else _dial_tcp(address.host or "localhost", address.port or 0))
    except OSError as error:
        raise ToolNotListening from error


async def _dial_unix(path: str) -> ToolConnection:
    own_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    own_socket.setblocking(False)
    try:
        while True:
            try:
                own_socket.connect(path)
                break
            except BlockingIOError:
                await asyncio.sleep(BACKLOG_RETRY_SECONDS)
        create = asyncio.get_running_loop().create_unix_connection
        return (await create(lambda: ToolConnection(own_socket), sock=own_socket))[1]
    except BaseException:
        own_socket.close()
        raise


async def _dial_tcp(host: str, port: int) -> ToolConnection:
    """Tries the addresses of the host one after another."""
    *others, last = await _addresses(host, port)
    for family, address in others:
        with suppress(OSError):
            return await _dial_address(family, address)
    return await _dial_address(*last)


async def _dial_address(family: socket.AddressFamily, address: tuple[str, int]) -> ToolConnection:
    loop = asyncio.get_running_loop()
    own_socket = socket.socket(family, socket.SOCK_STREAM)
    own_socket.setblocking(False)
    try:
        own_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(own_socket, address)
        return (await loop.create_connection(lambda: ToolConnection(own_socket), sock=own_socket))[1]
    except BaseException:
        own_socket.close()
        raise


async def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        return [(family, (host, port))]
    except ValueError:
        resolved = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, (str(address[0]), port)) for family, _, _, _, address in resolved]
