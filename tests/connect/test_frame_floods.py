"""Many small WebSocket frames, and many unfinished messages: the event loop and the memory are everybody's."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connect.port_limits import PortLimits
from connect.requests import Receive, Scope, Send
from services.compute.protocol import Upstream
from services.store.db.database import Database
from tests.connect.loop_turns import longest_turn
from tests.connect.scripted_tools import facing_frames
from tests.connect.sockets import serving
from tests.connect.world import ConnectHarness, open_silently
from tests.connect.world import harness as opened
from tests.waiting import eventually, soon

MAX_TURN_SECONDS = 0.02
"""A slice has 4 ms, and the step that has begun is finished; what the test's own client does in the same loop is added."""
KIB = 1024


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, length: int | None = None) -> bytes:
    """A masked frame, with a mask of zeros. `length` is what its head claims."""
    size = len(data) if length is None else length
    head = bytes([opcode | (0x80 if fin else 0)])
    return head + (bytes([0x80 | size]) if size < 126 else b"\xff" + struct.pack("!Q", size)) + bytes(4) + data


PING, PONG, TEXT, CLOSE = frame(9, b"ping"), frame(10, b"pong"), frame(1, b"{}"), frame(8, struct.pack("!H", 1000))
FLOODS = {
    "pings": PING * 20_000,
    "pongs": PONG * 100_000,
    "messages": TEXT * 100_000,
    "empty fragments": frame(1, fin=False) + frame(0, fin=False) * 150_000,
}


async def sink(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts every WebSocket and reads it to its end."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


@asynccontextmanager
async def anonymous(limits: PortLimits | None = None) -> AsyncIterator[int]:
    """The port of a server whose clients nobody has admitted."""
    listening = socket.create_server(("127.0.0.1", 0))
    async with serving(sink, listening, limits=limits):
        yield listening.getsockname()[1]


async def anonymous_socket(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await soon(reader.readuntil(b"\r\n\r\n"))
    return reader, writer


async def close_code(reader: asyncio.StreamReader) -> int:
    """The code of the close frame that comes next; pings and pongs before it are skipped."""
    while True:
        first, size = await soon(reader.readexactly(2))
        payload = await soon(reader.readexactly(size))
        if first & 15 == 8:
            return int(struct.unpack("!H", payload[:2])[0])


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_an_anonymous_client_holds_nobody_up(kind: str) -> None:
    async with anonymous() as port:
        reader, writer = await anonymous_socket(port)
        with longest_turn() as turn:
            writer.write(FLOODS[kind] + CLOSE)
            code = await close_code(reader)
        assert code == (1009 if kind == "empty fragments" else 1000)
        assert turn.seconds < MAX_TURN_SECONDS
        writer.close()


async def test_floods_of_many_clients_share_the_turn() -> None:
    async with anonymous() as port:
        clients = [await anonymous_socket(port) for _ in range(20)]
        _, quiet = await anonymous_socket(port)
        with longest_turn() as turn:
            for _, writer in clients:
                writer.write(PING * 2000 + CLOSE)
            quiet.write(CLOSE)
            assert [await close_code(reader) for reader, _ in clients] == [1000] * len(clients)
        assert turn.seconds < MAX_TURN_SECONDS
        for _, writer in [*clients, (None, quiet)]:
            writer.close()


@pytest.mark.parametrize("kind", ["pings", "pongs", "messages"])
async def test_a_flood_through_the_proxy_holds_nobody_up(harness: ConnectHarness, kind: str) -> None:
    reader, writer = await open_silently(harness, f"{harness.origin}/ws", await harness.enter())
    with longest_turn() as turn:
        writer.write(FLOODS[kind][:300_000] + frame(1, b"tiny:close:4321:"))
        while b"\x10\xe1" not in await soon(reader.read(65536)):
            pass
    assert turn.seconds < MAX_TURN_SECONDS
    writer.close()


@pytest.mark.parametrize(
    "frames", [b"\x01\x01x" + b"\x00\x00" * 150_000 + b"\x80\x00", b"\x81\x02hi" * 50_000], ids=["fragments", "messages"]
)
async def test_a_flood_of_a_tool_holds_nobody_up(sqlite_database: Database, tmp_path: Path, frames: bytes) -> None:
    async with facing_frames(sqlite_database, tmp_path, frames, b"\x88\x02\x10\xe1") as (harness, cookie):
        reader, writer = await open_silently(harness, f"{harness.origin}/ws", cookie)
        with longest_turn() as turn:
            while b"\x88\x02\x10\xe1" not in await soon(reader.read(65536)):
                pass
        assert turn.seconds < MAX_TURN_SECONDS
        writer.close()


async def test_unfinished_messages_of_anonymous_clients_have_a_bound_together() -> None:
    limits = PortLimits.of(4096 * KIB)  # an eighth is theirs
    async with anonymous(limits) as port:
        clients = [await anonymous_socket(port) for _ in range(10)]
        for _, writer in clients:
            writer.write(frame(1, b"x" * 100 * KIB, length=101 * KIB))
        codes = await asyncio.gather(*(close_code(reader) for reader, _ in clients[:5]))
        assert set(codes) == {1013}
        assert limits.unauthorized_messages.held_bytes <= 512 * KIB
        for _, writer in clients:
            writer.close()

        async def nothing_is_held() -> bool:
            return limits.unauthorized_messages.held_bytes == 0

        await eventually(nothing_is_held)


async def test_unfinished_messages_of_users_have_a_bound_together(sqlite_database: Database, tool: Upstream) -> None:
    limits = PortLimits.of(1024 * KIB)
    async with opened(sqlite_database, tool, limits=limits) as harness:
        cookie = await harness.enter()
        small, small_writer = await open_silently(harness, f"{harness.origin}/ws", cookie)
        small_writer.write(frame(1, b"x" * 10 * KIB, length=11 * KIB))
        large, large_writer = await open_silently(harness, f"{harness.origin}/ws", cookie)
        large_writer.write(frame(1, b"x" * 1100 * KIB, length=2000 * KIB))
        assert await close_code(large) == 1013
        small_writer.write(b"x" * KIB)
        assert (await soon(small.readexactly(4)))[:2] == b"\x81\x7e"  # the echo of the finished message
        assert limits.messages.held_bytes <= 1024 * KIB
        for writer in (small_writer, large_writer):
            writer.close()


async def test_unfinished_messages_of_tools_count_too(sqlite_database: Database, tmp_path: Path) -> None:
    limits = PortLimits.of(1024 * KIB)
    claimed = b"\x82\x7f" + struct.pack("!Q", 3000 * KIB) + b"x" * 1100 * KIB
    async with facing_frames(sqlite_database, tmp_path, claimed, limits=limits) as (harness, cookie):
        reader, writer = await open_silently(harness, f"{harness.origin}/ws", cookie)
        assert await close_code(reader) == 1013
        assert limits.messages.held_bytes == 0
        writer.close()
