"""Large bodies and slow readers: memory stays bounded, nobody waits for somebody else (B50)."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.compute.protocol import Upstream
from services.store.db.database import Database
from tests.connect.world import ConnectHarness, exchanges, open_silently, settled
from tests.connect.world import harness as opened
from tests.waiting import eventually, promised, soon

MIB = 1 << 20
LARGE = 200 * MIB


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Counting:
    """A tool that sends or takes bytes without end, and counts."""

    def __init__(self) -> None:
        self.sent = 0
        self.taken = 0
        self.may_read = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            if head.startswith(b"GET"):
                await self._send(writer, LARGE)
            else:
                await self._take(reader)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter, size: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = b"x" * 65536
        while self.sent < size:
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)

    async def _take(self, reader: asyncio.StreamReader) -> None:
        await self.may_read.wait()
        while self.taken < LARGE:
            self.taken += len(await reader.read(65536))


@pytest.fixture
async def counting(tmp_path: Path, sqlite_database: Database) -> AsyncIterator[tuple[Counting, ConnectHarness]]:
    tool, path = Counting(), tmp_path / "counting.sock"
    server = await asyncio.start_unix_server(tool.serve, str(path))
    async with opened(sqlite_database, Upstream(unix=str(path))) as harness:
        yield tool, harness
    server.close()


async def test_a_large_download_takes_little_memory(counting: tuple[Counting, ConnectHarness]) -> None:
    _, harness = counting
    cookie = await harness.enter()
    before, got = peak_kib(), 0
    async with harness.http.get(f"{harness.origin}/", headers={"Cookie": cookie}) as answer:
        async for chunk in answer.content.iter_any():
            got += len(chunk)
    assert got == LARGE
    assert peak_kib() - before < 30_000


async def test_a_large_upload_takes_little_memory(counting: tuple[Counting, ConnectHarness]) -> None:
    tool, harness = counting
    tool.may_read.set()
    cookie = await harness.enter()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LARGE // MIB):
            yield b"x" * MIB

    before = peak_kib()
    headers = {"Content-Length": str(LARGE)}
    answer = await soon(harness.ask("/", "POST", cookie=cookie, data=pieces(), **headers), 60)
    assert answer.text == "ok"
    assert tool.taken == LARGE
    assert peak_kib() - before < 30_000


async def test_a_reader_that_stops_stops_the_tool(counting: tuple[Counting, ConnectHarness]) -> None:
    tool, harness = counting
    cookie = await harness.enter()
    async with harness.http.get(f"{harness.origin}/", headers={"Cookie": cookie}) as answer:
        await answer.content.readany()
        await settled(lambda: tool.sent)
        assert tool.sent < 20 * MIB
        assert tool.sent < LARGE
        assert len(await soon(answer.read())) > LARGE - 20 * MIB


async def test_a_tool_that_does_not_read_stops_the_uploader(counting: tuple[Counting, ConnectHarness]) -> None:
    tool, harness = counting
    cookie, sent = await harness.enter(), 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(LARGE // 65536):
            sent += 65536
            yield b"x" * 65536

    upload = asyncio.create_task(harness.ask("/", "POST", cookie=cookie, data=pieces(), Content_Length=str(LARGE)))
    await settled(lambda: sent)
    assert sent < 20 * MIB
    tool.may_read.set()
    assert (await soon(upload, 60)).text == "ok"


async def test_a_websocket_reader_that_stops_stops_the_tool_and_nobody_else(harness: ConnectHarness) -> None:
    cookie = await harness.enter()
    async with harness.socket("/ws", cookie) as slow, harness.socket("/ws", cookie) as quick:
        before = peak_kib()
        for _ in range(100):
            await slow.send_str(f"tiny:send:{MIB}")
        began = time.monotonic()
        for number in range(20):
            await quick.send_str(str(number))
            assert (await soon(quick.receive())).data == str(number)
        assert time.monotonic() - began < promised(5)
        assert peak_kib() - before < 60_000
        for _ in range(100):
            assert len((await soon(slow.receive())).data) == MIB


async def test_a_right_that_ends_closes_a_socket_whose_reader_stopped(harness: ConnectHarness) -> None:
    cookie = await harness.enter()
    _, writer = await open_silently(harness, f"{harness.origin}/ws", cookie)
    command = f"tiny:send:{30 * MIB}".encode()
    writer.write(bytes([0x81, 0x80 | len(command)]) + bytes(4) + command)
    await asyncio.sleep(0.5)
    await harness.stop()
    await eventually(lambda: exchanges(harness, 0), 3)
    writer.close()
