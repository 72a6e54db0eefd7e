"""A session's output by byte offset, out of an engine that knows only lines with a time, and drops the oldest.

Offsets count what was written since the session began. One place is remembered for each container (a time, and the offset up to
there), so that going on costs only what is new, and dropped output shows as a higher `start`. A server that has just started
reads all that is kept, once, and counts from there.
"""

import struct
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from services.compute.docker.engine import Engine
from services.compute.protocol import ComputeUnknown, LogPage

HEADER = struct.Struct(">BxxxL")
SECONDS = 60.0
NANO = 1_000_000_000
UNSETTLED = NANO
"""Output and error output are read by two threads of the engine: within this time a line may still come before another."""
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """`time` in ns. The engine cuts lines after 16 KiB; a part is a line here."""

    time: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """All output up to and with `time` (ns) ends at `offset`."""

    time: int
    offset: int


class Logs:
    """The output of one engine's containers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._places: OrderedDict[str, Place] = OrderedDict()

    async def page(self, container_id: str, offset: int, limit: int) -> LogPage:
        """At most `limit` bytes from `offset` on; a negative offset counts from the end."""
        place = self._places.get(container_id)
        if place is not None and offset >= place.offset:
            lines, first = await self._read(container_id, place.time), place.offset
        else:
            lines = await self._read(container_id, -1)
            first = place.offset - sum(len(line.text) for line in lines if line.time <= place.time) if place else 0
        data = b"".join(line.text for line in lines)
        end = first + len(data)
        start = max(first, end + offset if offset < 0 else min(offset, end))
        piece = data[start - first : start - first + limit]
        self._remember(container_id, lines, first, start + len(piece))
        return LogPage(start, piece, start + len(piece))

    def forget(self, container_id: str) -> None:
        self._places.pop(container_id, None)

    def _remember(self, container_id: str, lines: list[Line], first: int, read_to: int) -> None:
        """The last place at or before `read_to` after which nothing can be put in any more."""
        settled = lines[-1].time - UNSETTLED if lines else -1
        end = first
        for line, following in pairwise(lines):
            end += len(line.text)
            if line.time > settled or end > read_to:
                break
            if line.time < following.time:
                self._places[container_id] = Place(line.time, end)
        if container_id in self._places:
            self._places.move_to_end(container_id)
        while len(self._places) > REMEMBERED:
            self._places.popitem(last=False)

    async def _read(self, container_id: str, after: int) -> list[Line]:
        """What came after that time, in order of time."""
        since = f"{max(after, 0) // NANO}.{max(after, 0) % NANO:09}"
        params = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": since if after > 0 else "0"}
        path = f"containers/{container_id}/logs"
        async with self._engine.stream("GET", path, params) as response, self._engine.reading(path, SECONDS):
            raw = await response.read()
        return sorted((line for line in _lines(raw) if line.time > after), key=lambda line: line.time)


def _lines(raw: bytes) -> list[Line]:
    """The engine's frames: one header, one time and one line each."""
    found, at = [], 0
    while at + HEADER.size <= len(raw):
        _, size = HEADER.unpack_from(raw, at)
        at += HEADER.size
        stamp, _, text = raw[at : at + size].partition(b" ")
        at += size
        found.append(Line(_nanoseconds(stamp.decode(errors="replace")), text))
    return found


def _nanoseconds(stamp: str) -> int:
    try:
        seconds = datetime.fromisoformat(stamp[:19]).replace(tzinfo=UTC).timestamp()
        return int(seconds) * NANO + int(stamp[20:].rstrip("Z").ljust(9, "0")[:9])
    except ValueError as error:
        raise ComputeUnknown(f"the Docker Engine's log has a line that cannot be read: {stamp[:40]!r}") from error
