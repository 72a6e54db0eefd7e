"""Reads a response of the Docker Engine as a stream of JSON objects, one per line.

aiohttp's own `readline` gives up on a line of half a megabyte, with an error of its server's side; and an engine's line is as long as
what a build prints in one piece, or as the labels of somebody's image.
"""

import asyncio
import json
from typing import Any

import aiohttp

from services.compute.docker.engine import Engine
from services.compute.protocol import ComputeUnknown

MAX_LINE_BYTES = 16 << 20
"""The longest line that is read. Engines send shorter ones; the limit bounds the memory for a broken answer."""


class JsonStream:
    """The lines of an answer of `path` (`Engine.stream`). `silence` is how many seconds it may send nothing; None = without limit."""

    def __init__(self, engine: Engine, path: str, response: aiohttp.ClientResponse, silence: float | None = None) -> None:
        self._engine = engine
        self._path = path
        self._content = response.content
        self._silence = silence
        self._rest = bytearray()

    async def next(self) -> dict[str, Any] | None:
        """Returns the next JSON object, or None at the end. Raises ComputeUnknown for an incomplete line, and after too long a silence."""
        searched = 0
        while (end := self._rest.find(b"\n", searched)) < 0:
            searched = len(self._rest)
            async with self._engine.reading(self._path, self._silence):
                data = await self._content.readany()
            if not data and not self._rest:
                return None
            if not data or len(self._rest) > MAX_LINE_BYTES:
                raise self._unreadable()
            self._rest += data
        line = bytes(self._rest[: end + 1])
        del self._rest[: end + 1]
        return self._parsed(line)

    async def next_with_pings(self, every: float) -> dict[str, Any] | None:
        """Does the same as `next` for an answer that may be silent for long: the engine is pinged every `every` seconds."""
        line = asyncio.ensure_future(self.next())
        try:
            while not (await asyncio.wait([line], timeout=every))[0]:
                await self._engine.ping(every)
            return line.result()
        finally:
            line.cancel()
            await asyncio.gather(line, return_exceptions=True)

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except ValueError as error:
            raise self._unreadable() from error
        if not isinstance(value, dict):
            raise self._unreadable()
        return value

    def _unreadable(self) -> ComputeUnknown:
        return ComputeUnknown(f"the Docker Engine's answer cannot be read ({self._path.split('/')[0]})")
