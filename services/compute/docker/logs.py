"""Reads a container's output from the engine, and derives a cursor for each byte from the timestamps of its lines.

`since` of the engine is a time and includes it, and the parts of a line longer than 16 KiB all have the same time: so a cursor is
a time before which nothing can be added any more, and how many bytes were read from there on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.docker.observation import observation
from services.compute.protocol import ComputeUnknown, OutputChunk, Presence
from services.domain.session_name import SessionName

READ_TIMEOUT_SECONDS = 15.0
READ_BYTES = 1 << 16
HEADER_BYTES = 8
MAX_FRAME_BYTES = 1 << 20
"""The longest frame that is read. Engines send 16 KiB."""
NS_PER_SECOND = 1_000_000_000
REORDER_NANOSECONDS = NS_PER_SECOND
"""How far lines may be out of order: two threads of the engine read output and error output."""
ANCHOR_SPACING_NANOSECONDS = NS_PER_SECOND // 20
"""The least distance of two times that a cursor may count from."""
RETRY_SECONDS = 0.25
MAX_TAIL_LINES = 10_000

Line = tuple[bytes, bytes]
"""The time of a line as the engine writes it, and its text. Parts of a long line are lines here."""
Find = Callable[[SessionName], Awaitable[dict[str, Any] | None]]


class Logs:
    """The output of one engine's containers. `find` returns a session's container as the engine shows it, or None."""

    def __init__(self, engine: Engine, find: Find) -> None:
        self._engine = engine
        self._find = find

    async def tail(self, name: SessionName, limit: int) -> bytes:
        """Returns the last `limit` bytes."""
        data = bytearray()
        container = await self._find(name)
        if container is None:
            return b""
        async with aclosing(self._read(container["Id"], READ_TIMEOUT_SECONDS, tail=min(limit, MAX_TAIL_LINES))) as batches:
            async for lines in batches:
                data += b"".join(text for _, text in lines)
                del data[:-limit]
        return bytes(data)

    async def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        """Streams what came after `cursor`, as it comes. A container that was only created is looked at again."""
        while True:
            container = await self._find(name)
            if container is None:
                return
            ended = observation(container).presence is Presence.EXITED
            tracker = CursorTracker(LogCursor.parse(cursor))
            async with aclosing(self._read(container["Id"], None, follow=1, since=tracker.since)) as batches:
                async for lines in batches:
                    if data := tracker.take(lines):
                        cursor = str(tracker.cursor)
                        yield OutputChunk(data, cursor)
            if ended:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, container_id: str, limit: float | None, **params: Any) -> AsyncGenerator[list[Line]]:
        """Streams batches of lines; none if the container is not there. Other tasks run between two batches."""
        path = f"containers/{container_id}/logs"
        query = {"stdout": 1, "stderr": 1, "timestamps": 1, **params}
        frames = Frames()
        try:
            async with self._engine.stream("GET", path, query) as response, self._engine.reading(path, limit):
                while data := await response.content.read(READ_BYTES):
                    if lines := frames.feed(data):
                        yield lines
                    await asyncio.sleep(0)
        except (Absent, Conflict):
            return  # being removed, or gone


class Frames:
    """Parses the engine's frames: each has a header, a time and a line."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Line]:
        """Returns the lines that are complete now. Raises ComputeUnknown for what is no frame."""
        data = self._rest + data
        lines, at = [], 0
        while (begin := at + HEADER_BYTES) <= len(data):
            size = int.from_bytes(data[at + 4 : begin])
            if size > MAX_FRAME_BYTES:
                raise ComputeUnknown("the Docker Engine's log cannot be read: it is not in frames")
            if begin + size > len(data):
                break
            at = begin + size
            stamp, _, text = data[begin:at].partition(b" ")
            lines.append((stamp, text))
        self._rest = data[at:]
        return lines


@dataclass(frozen=True, slots=True)
class LogCursor:
    """The position after `seen` bytes of the lines of `time` (ns) and later, in the engine's order."""

    time: int
    seen: int

    def __str__(self) -> str:
        return f"{self.time}+{self.seen}"

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Returns the beginning for None, and for a text that is no cursor."""
        time, _, seen = (text or "").partition("+")
        return cls(int(time), int(seen)) if time.isdecimal() and seen.isdecimal() else cls(0, 0)


class CursorTracker:
    """Follows the position of reading: omits what was read before, and moves the time that a cursor counts from."""

    def __init__(self, cursor: LogCursor) -> None:
        self._anchor = cursor.time
        self._base = 0  # of `_count`, at the anchor
        self._count = 0
        self._to_skip = cursor.seen
        self._begun = False
        self._newest = 0
        self._later: deque[tuple[int, int]] = deque()  # times that the anchor may move to, and `_count` there

    @property
    def since(self) -> str:
        return f"{self._anchor // NS_PER_SECOND}.{self._anchor % NS_PER_SECOND:09}" if self._anchor else "0"

    @property
    def cursor(self) -> LogCursor:
        return LogCursor(self._anchor, self._count - self._base)

    def take(self, lines: list[Line]) -> bytes:
        """Returns the text of `lines` that was not read before."""
        stamps = [stamp for stamp, _ in lines]
        self._move(_nanoseconds(min(stamps)), _nanoseconds(max(stamps)))
        data = b"".join(text for _, text in lines)
        self._count += len(data)
        skip = min(self._to_skip, len(data))
        self._to_skip -= skip
        return data[skip:]

    def _move(self, first: int, last: int) -> None:
        if not self._anchor:
            self._anchor = first - REORDER_NANOSECONDS
        elif not self._begun and first > self._anchor + 2 * REORDER_NANOSECONDS:
            self._to_skip = 0  # the engine has dropped what was seen, and maybe more
        self._begun = True
        while self._later and self._later[-1][0] > first:  # a line came late: reading from there on would leave it out, and it is counted
            self._later.pop()
        if first > self._newest and (not self._later or first > self._later[-1][0] + ANCHOR_SPACING_NANOSECONDS):
            self._later.append((first, self._count))
        self._newest = max(self._newest, last)
        while self._later and self._later[0][0] < self._newest - REORDER_NANOSECONDS:
            self._anchor, self._base = self._later.popleft()


def _nanoseconds(stamp: bytes) -> int:
    text = stamp.decode(errors="replace")
    try:
        seconds = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
        return int(seconds) * NS_PER_SECOND + int(text[20:].rstrip("Z").ljust(9, "0")[:9])
    except ValueError as error:
        raise ComputeUnknown(f"the Docker Engine's log has a line that cannot be read: {text[:40]!r}") from error
