"""Checks with one HTTP request whether a session's tool is ready (B3)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

PROBE_TIMEOUT_SECONDS = 2.0
"""A tool that takes longer to respond is not ready yet."""

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def answers(connect: Connect, path: str) -> bool:
    """Returns whether an HTTP response of any status to `GET path` begins within PROBE_TIMEOUT_SECONDS."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            return (await _first_line(connect, path)).startswith(b"HTTP/")
    except (OSError, TimeoutError, ValueError):
        return False


async def _first_line(connect: Connect, path: str) -> bytes:
    reader, writer = await connect()
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
