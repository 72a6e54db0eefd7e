"""A client's end of HTTP/1.1, by hand: a library would read what a test leaves unread, and hide how a response ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

SECONDS = 10


@dataclass
class Response:
    """One that has begun."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: dict[str, str]

    async def chunk(self) -> bytes | None:
        """What comes next, as the server wrote it; None at the end of a whole body. Raises EOFError where it is cut off."""
        async with asyncio.timeout(SECONDS):
            try:
                length = int(await self.reader.readuntil(b"\r\n"), 16)
                return (await self.reader.readexactly(length + 2))[:-2] or None
            except asyncio.IncompleteReadError as error:
                raise EOFError from error

    def abort(self) -> None:
        """As if the client's machine went away."""
        self.writer.transport.abort()


async def send(port: int, body: object, headers: Mapping[str, str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Post JSON to `/graphql`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    content = json.dumps(body).encode()
    head = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(len(content))} | dict(headers)
    writer.write("".join(f"{line}\r\n" for line in ["POST /graphql HTTP/1.1", *(f"{k}: {v}" for k, v in head.items()), ""]).encode())
    writer.write(content)
    return reader, writer


@asynccontextmanager
async def posted(port: int, body: Any, headers: Mapping[str, str]) -> AsyncIterator[Response]:
    reader, writer = await send(port, body, headers)
    try:
        async with asyncio.timeout(SECONDS):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines if line)
        yield Response(reader, writer, int(first.split()[1]), {name.lower(): value for name, value in pairs})
    finally:
        writer.close()
