"""Tools that send exactly the bytes of a script, over HTTP or as WebSocket frames, and a proxy in front of them."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from connect.port_limits import PortLimits
from services.compute.protocol import Upstream
from services.store.db.database import Database
from tests.connect.world import ConnectHarness
from tests.connect.world import harness as opened

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script, path: Path) -> AsyncIterator[list[bytes]]:
    """A tool that runs `script` after the head of each request; gives the heads it got."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield heads
    finally:
        server.close()


@asynccontextmanager
async def facing(database: Database, tmp_path: Path, script: Script) -> AsyncIterator[tuple[ConnectHarness, str, list[bytes]]]:
    path = tmp_path / "hostile.sock"
    async with scripted(script, path) as heads, opened(database, Upstream(unix=str(path))) as harness:
        yield harness, await harness.enter(), heads


def saying(*pieces: bytes) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return script


OK = b"HTTP/1.1 200 OK\r\n"


def opening(*frames: bytes) -> Script:
    """A tool that opens the WebSocket properly and sends these bytes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(0)
        for frame in frames:
            writer.write(frame)
            await writer.drain()
        await reader.read(-1)

    return script


@asynccontextmanager
async def facing_frames(
    database: Database, tmp_path: Path, *frames: bytes, limits: PortLimits | None = None
) -> AsyncIterator[tuple[ConnectHarness, str]]:
    path = tmp_path / "frames.sock"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.lower().partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
        key = head[head.lower().index(key) :][: len(key)]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: sg_session_x=1\r\n"
            b"Set-Cookie: own=1\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        try:
            await opening(*frames)(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    try:
        async with opened(database, Upstream(unix=str(path)), limits=limits) as harness:
            yield harness, await harness.enter()
    finally:
        server.close()
