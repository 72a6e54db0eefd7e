"""Clients that send or read slowly or never: each phase of a request has a limit, and anonymous connections have a bound."""

import asyncio
import socket
import time
from contextlib import suppress

import pytest

from connect import http_protocol
from connect.anonymous_connections import AnonymousConnections
from connect.port_limits import PortLimits
from connect.requests import Receive, Scope, Send
from services.compute.protocol import Upstream
from services.store.db.database import Database
from tests.connect.sockets import serving
from tests.connect.world import ConnectHarness
from tests.connect.world import harness as opened
from tests.waiting import soon

LIMIT_SECONDS = 0.4
DRIP_SECONDS = 0.05


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_TIMEOUT_S", "BODY_TIMEOUT_S", "RESPONSE_PAUSE_TIMEOUT_S"):
        monkeypatch.setattr(http_protocol, name, LIMIT_SECONDS)


async def dripped(port: int, head: str, drip: bytes = b"x", seconds: float = 10.0) -> tuple[bytes, float]:
    """What the server sends to a client that sends `drip` again and again after the head, and after how many seconds it ended that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    reading = asyncio.create_task(reader.read())
    writer.write(head.replace("\n", "\r\n").encode())
    with suppress(ConnectionError):
        while not reading.done() and time.monotonic() - began < seconds:
            writer.write(drip)
            await asyncio.wait([reading], timeout=DRIP_SECONDS)
    try:
        return await soon(reading, 1), time.monotonic() - began
    except ConnectionError:
        return b"", time.monotonic() - began
    finally:
        writer.close()


def _post(path: str, host: str, *headers: str) -> str:
    return "\n".join([f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Length: 100000", *headers, "", ""])


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("drip", [b"", b"x"], ids=["silent", "dripping"])
async def test_a_body_that_does_not_come_ends_the_request(harness: ConnectHarness, drip: bytes) -> None:
    host = harness.addresses.api_host
    answer, seconds = await dripped(harness.port, _post("/login", host, f"Origin: {harness.api}"), drip)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < LIMIT_SECONDS + 5


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("where", ["the API", "a session without a cookie", "no session"])
async def test_a_body_that_goes_on_after_the_response_ends_the_connection(harness: ConnectHarness, where: str) -> None:
    own = harness.addresses.tool_host(harness.public_id)
    host = {"the API": harness.addresses.api_host, "a session without a cookie": own, "no session": f"x.{own}"}[where]
    answer, seconds = await dripped(harness.port, _post("/nothing", host))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b" 408 " not in answer
    assert seconds < LIMIT_SECONDS + 5


@pytest.mark.usefixtures("short_limits")
async def test_line_ends_between_requests_do_not_keep_a_connection(harness: ConnectHarness) -> None:
    answer, seconds = await dripped(harness.port, f"GET / HTTP/1.1\nHost: {harness.addresses.api_host}\n\n", b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert seconds < LIMIT_SECONDS + 5


async def test_an_anonymous_body_that_nobody_reads_has_a_size(harness: ConnectHarness) -> None:
    head = f"POST / HTTP/1.1\nHost: {harness.addresses.api_host}\nTransfer-Encoding: chunked\n\n"
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    _, seconds = await dripped(harness.port, head, piece * 8)
    assert seconds < 5


@pytest.mark.usefixtures("short_limits")
async def test_an_upload_to_a_session_may_take_its_time(harness: ConnectHarness) -> None:
    host = harness.addresses.tool_host(harness.public_id)
    head = f"POST /upload HTTP/1.1\nHost: {host}\nCookie: {await harness.enter()}\nContent-Length: 30\nConnection: close\n\n"
    answer, seconds = await dripped(harness.port, head)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert seconds > LIMIT_SECONDS


@pytest.mark.usefixtures("short_limits")
async def test_an_upload_to_a_session_may_not_pause_for_ever(harness: ConnectHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "BODY_PAUSE_TIMEOUT_S", 2 * LIMIT_SECONDS)
    host = harness.addresses.tool_host(harness.public_id)
    answer, _ = await dripped(harness.port, _post("/upload", host, f"Cookie: {await harness.enter()}"), b"")
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("short_limits")
async def test_a_response_that_an_anonymous_client_does_not_read_is_given_up() -> None:
    ended = asyncio.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000 if scope["type"] == "http" else 0):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        ended.set()

    listening = socket.create_server(("127.0.0.1", 0))
    async with serving(large, listening):
        _, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await soon(ended.wait(), 10)
        writer.close()


async def is_open(reader: asyncio.StreamReader) -> bool:
    """Whether the server leaves the connection open for a moment."""
    try:
        return bool(await asyncio.wait_for(reader.read(1), 0.3))
    except TimeoutError:
        return True


@pytest.mark.parametrize(("in_all", "for_each"), [(3, 0), (100, 3)])
async def test_too_many_anonymous_connections_cost_the_oldest_its_place(
    sqlite_database: Database, tool: Upstream, in_all: int, for_each: int
) -> None:
    limits = PortLimits(anonymous=AnonymousConnections(in_all, for_each))
    async with opened(sqlite_database, tool, limits=limits) as harness:
        cookie = await harness.enter()
        user_reader, user_writer = await asyncio.open_connection("127.0.0.1", harness.port)
        request = f"HEAD / HTTP/1.1\r\nHost: {harness.addresses.tool_host(harness.public_id)}\r\nCookie: {cookie}\r\n\r\n".encode()
        user_writer.write(request)
        await soon(user_reader.readuntil(b"\r\n\r\n"))
        clients = [await asyncio.open_connection("127.0.0.1", harness.port) for _ in range(5)]
        assert [await is_open(reader) for reader, _ in clients] == [False, False, True, True, True]
        assert len(limits.anonymous) == 3
        user_writer.write(request)
        assert (await soon(user_reader.readuntil(b"\r\n\r\n"))).startswith(b"HTTP/1.1 200 ")
        for _, writer in [*clients, (None, user_writer)]:
            writer.close()


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    class Connection:
        closed = False

        def close_for_room(self) -> None:
            self.closed = True

    counted = AnonymousConnections(100, 1)
    first, neighbour, stranger = Connection(), Connection(), Connection()
    counted.add(first, ("2001:db8::1", 1, 0, 0))
    counted.add(stranger, ("2001:db8:0:1::1", 1, 0, 0))
    counted.add(neighbour, ("2001:db8::2", 1, 0, 0))
    assert (first.closed, neighbour.closed, stranger.closed) == (True, False, False)
    assert len(counted) == 2
