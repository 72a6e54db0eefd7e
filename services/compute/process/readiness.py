"""Checks with one HTTP request over its unix socket whether a session's tool is ready."""

import asyncio
from functools import partial
from pathlib import Path

from services.compute import http_probe

REFUSED_RETRY_SECONDS = 0.02
"""How long to wait before a second attempt: a socket refuses connections between bind and listen."""


async def answers(socket: Path, path: str) -> bool:
    """Returns whether the tool that listens on `socket` answers an HTTP request with any status (B3)."""
    return await http_probe.answers(partial(_connect, socket), path)


async def _connect(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(str(socket))
    except ConnectionRefusedError:
        await asyncio.sleep(REFUSED_RETRY_SECONDS)
        return await asyncio.open_unix_connection(str(socket))
