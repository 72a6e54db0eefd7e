"""Checks with one HTTP request over its unix socket whether a session's tool is ready."""

import asyncio
from contextlib import suppress
from pathlib import Path

SECONDS = 2.0
REFUSED_PAUSE = 0.02
"""How long to wait before a second attempt: a socket refuses connections between bind and listen."""


async def answers(socket: Path, path: str) -> bool:
    """Returns whether an HTTP response of any status comes back within two seconds (B3)."""
    try:
        async with asyncio.timeout(SECONDS):
            return (await _first_line(socket, path)).startswith(b"HTTP/")
    except (OSError, TimeoutError, ValueError):
        return False


async def _first_line(socket: Path, path: str) -> bytes:
    reader, writer = await _connect(socket)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _connect(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(str(socket))
    except ConnectionRefusedError:
        await asyncio.sleep(REFUSED_PAUSE)
        return await asyncio.open_unix_connection(str(socket))
