"""What a session printed on its way into the store: bounded, slowed down, and without secrets (B16, B84)."""

from collections import deque
from dataclasses import dataclass

from services.compute.protocol import OutputChunk
from services.secrets.masking import Mask

MOST_BYTES = 1 << 18
"""What waits in memory for each session; of more, the oldest is skipped."""
AFTER_A_SKIP = MOST_BYTES // 2
"""What is left then, so that a flood has few gaps rather than many."""
BYTES_PER_SECOND = 1 << 16
BURST_BYTES = 1 << 18
PIECE_BYTES = 1 << 16
HOLD_SECONDS = 1.0
"""How long what may be the beginning of a secret waits for the rest."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be stored: `data` after `skipped` bytes that nobody keeps, and where to go on behind it."""

    data: bytes
    place: str | None
    skipped: int


class TokenBucket:
    """How many bytes may be stored now: BYTES_PER_SECOND, and at first, or after a while, a burst of BURST_BYTES."""

    def __init__(self, now: float) -> None:
        self._bytes = float(BURST_BYTES)
        self._at = now

    def at(self, now: float) -> int:
        self._bytes = min(self._bytes + (now - self._at) * BYTES_PER_SECOND, BURST_BYTES)
        self._at = now
        return int(self._bytes)

    def spend(self, size: int) -> None:
        self._bytes = max(self._bytes - size, 0)


class LogBuffer:
    """Between one reader and one writer. `place` is that of the last batch stored; `now` are seconds of any steady clock.

    The places of batches are the kind's own words, before them how many bytes behind it are stored already: what is held back is
    read again after a restart.
    """

    def __init__(self, mask: Mask, place: str | None, now: float) -> None:
        self._mask = mask
        self._allowance = TokenBucket(now)
        self._waiting: deque[bytes] = deque()
        self._size = 0
        seen, self.source_place = _parse(place)
        self._seen_before = seen
        self._marks = deque([(0, self.source_place)])
        self._came = 0  # all that was read since the first mark, in bytes
        self._skipped = 0
        self._fed_at = now

    @property
    def waits(self) -> bool:
        """Whether there is something to take, as soon as it may be stored."""
        return bool(self._size or self._skipped)

    @property
    def holds(self) -> bool:
        """Whether something waits for what comes after it."""
        return self._mask.held > 0

    def add(self, printed: OutputChunk) -> bool:
        """Take over what was read; True if there is more than can be stored."""
        data = printed.data
        if printed.skipped:
            self._lost(printed.skipped)
        self._came += len(data)
        seen = min(self._seen_before, len(data))
        self._seen_before -= seen
        self._put(data[seen:], margin=self._mask.max_bytes if printed.skipped else 0)
        self._marks.append((self._came, printed.cursor))
        if self._size > MOST_BYTES:
            self._skip_to(AFTER_A_SKIP)
            return True
        return bool(printed.skipped)

    def take(self, now: float, *, at_end: bool = False) -> Batch | None:
        """The next batch of about PIECE_BYTES at most, if anything can be stored now. `at_end` all is, piece by piece."""
        allowed = PIECE_BYTES if at_end else min(self._allowance.at(now), PIECE_BYTES)
        raw = self._next(allowed)
        self._allowance.spend(len(raw))
        data = self._mask.feed(raw) if raw else b""
        if raw:
            self._fed_at = now
        if not self._size and (at_end or now >= self._fed_at + HOLD_SECONDS):
            data += self._mask.release(at_end=at_end)
        if not data and not self._skipped:
            return None
        skipped, self._skipped = self._skipped, 0
        return Batch(data, self._place(), skipped)

    def _put(self, data: bytes, margin: int) -> None:
        """The first `margin` bytes may be the rest of a secret."""
        self._skip(data[:margin])
        if data[margin:]:
            self._waiting.append(data[margin:])
            self._size += len(data[margin:])

    def _next(self, size: int) -> bytes:
        taken = []
        while size and self._waiting:
            piece = self._waiting.popleft()
            taken.append(piece[:size])
            if piece[size:]:
                self._waiting.appendleft(piece[size:])
            size -= len(taken[-1])
            self._size -= len(taken[-1])
        return b"".join(taken)

    def _skip(self, data: bytes) -> None:
        if data:
            self._skipped += self._mask.held + len(data)
            self._mask.skip(data)

    def _skip_to(self, size: int) -> None:
        """Leave out the oldest, until `size` bytes are left."""
        while self._size > size:
            self._skip(self._next(min(self._size - size, PIECE_BYTES)))

    def _lost(self, size: int) -> None:
        """`size` bytes were never read: what waits goes as well, since it is far behind."""
        self._skip_to(0)
        self._skipped += self._mask.held
        self._mask.skip(b"")
        seen = min(self._seen_before, size)
        self._seen_before -= seen
        self._came += size
        self._skipped += size - seen

    def _place(self) -> str:
        """Behind all that is decided; what waits and what is held back is not."""
        decided = self._came - self._size - self._mask.held
        while len(self._marks) > 1 and self._marks[1][0] <= decided:
            self._marks.popleft()
        at, word = self._marks[0]
        return f"{decided - at}@{word or ''}"


def _parse(place: str | None) -> tuple[int, str | None]:
    seen, _, word = (place or "0@").partition("@")
    return int(seen), word or None
