"""Buffers a session's output between reading and storing it: bounds its size and rate, and masks secrets (B16, B84)."""

from collections import deque
from dataclasses import dataclass

from services.compute.protocol import OutputChunk
from services.secrets.masking import Mask

MAX_BUFFERED_BYTES = 1 << 18
"""The most output of one session held in memory, in bytes. Beyond that, the oldest output is skipped."""
BYTES_AFTER_OVERFLOW = MAX_BUFFERED_BYTES // 2
"""The bytes left after an overflow: a flood then has few large gaps instead of many small ones."""
MAX_STORED_BYTES_PER_SECOND = 1 << 16
"""The rate at which the output of one session is stored, averaged over time."""
MAX_BURST_BYTES = 1 << 18
"""What a session that printed little may store at once, above that rate."""
MAX_BATCH_BYTES = 1 << 16
"""The most bytes in one batch: about one row of the store."""
MAX_HOLD_SECONDS = 1.0
"""How long bytes that may be the beginning of a secret are held back for what follows them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Output to store: `data`, the number of bytes skipped before it, and the cursor from which reading continues after it."""

    data: bytes
    cursor: str | None
    skipped: int


class TokenBucket:
    """Limits the rate of storing to MAX_STORED_BYTES_PER_SECOND, with bursts of MAX_BURST_BYTES."""

    def __init__(self, now: float) -> None:
        self._bytes = float(MAX_BURST_BYTES)
        self._updated_at = now

    def available(self, now: float) -> int:
        """Returns how many bytes may be stored now."""
        self._bytes = min(self._bytes + (now - self._updated_at) * MAX_STORED_BYTES_PER_SECOND, MAX_BURST_BYTES)
        self._updated_at = now
        return int(self._bytes)

    def consume(self, size: int) -> None:
        self._bytes = max(self._bytes - size, 0)


class LogBuffer:
    """Holds the output of one session between its reader and its writer. `cursor` is that of the last batch stored.

    A batch's cursor is `<bytes>@<source cursor>`: the compute environment's own cursor, and how many bytes after it are stored already.
    So what was held back in memory is read again after a restart. `now` is in seconds of a monotonic clock.
    """

    def __init__(self, mask: Mask, cursor: str | None, now: float) -> None:
        self._mask = mask
        self._token_bucket = TokenBucket(now)
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._already_stored, self.source_cursor = _parse_cursor(cursor)
        self._source_cursors = deque([(0, self.source_cursor)])
        self._received = 0  # bytes read since the first of the source cursors
        self._skipped = 0
        self._masked_at = now

    @property
    def has_data(self) -> bool:
        """Whether there is output to store as soon as the rate allows it."""
        return bool(self._size or self._skipped)

    @property
    def buffered_bytes(self) -> int:
        """The number of bytes in memory that are to be stored, at most MAX_BUFFERED_BYTES after each `add`."""
        return self._size

    @property
    def is_holding(self) -> bool:
        """Whether bytes are held back that may be the beginning of a secret."""
        return self._mask.held > 0

    def add(self, chunk: OutputChunk) -> bool:
        """Adds output that was read. Returns True if it arrives faster than it can be stored."""
        data = chunk.data
        if chunk.skipped:
            self._skip_unread(chunk.skipped)
        self._received += len(data)
        seen = min(self._already_stored, len(data))
        self._already_stored -= seen
        self._enqueue(data[seen:], margin=self._mask.max_bytes if chunk.skipped else 0)
        self._source_cursors.append((self._received, chunk.cursor))
        if self._size > MAX_BUFFERED_BYTES:
            self._skip_to(BYTES_AFTER_OVERFLOW)
            return True
        return bool(chunk.skipped)

    def take(self, now: float, *, at_end: bool = False) -> Batch | None:
        """Returns the next batch of at most about MAX_BATCH_BYTES, None if nothing can be stored now.

        With `at_end` the rate is not limited, and nothing is held back.
        """
        allowed = MAX_BATCH_BYTES if at_end else min(self._token_bucket.available(now), MAX_BATCH_BYTES)
        raw = self._dequeue(allowed)
        self._token_bucket.consume(len(raw))
        data = self._mask.feed(raw) if raw else b""
        if raw:
            self._masked_at = now
        if not self._size and (at_end or now >= self._masked_at + MAX_HOLD_SECONDS):
            data += self._mask.release(at_end=at_end)
        if not data and not self._skipped:
            return None
        skipped, self._skipped = self._skipped, 0
        return Batch(data, self._cursor(), skipped)

    def _enqueue(self, data: bytes, margin: int) -> None:
        """Adds bytes to the buffer, without the first `margin`: after a gap they may be the rest of a secret."""
        self._skip(data[:margin])
        if data[margin:]:
            self._chunks.append(data[margin:])
            self._size += len(data[margin:])

    def _dequeue(self, size: int) -> bytes:
        taken = []
        while size and self._chunks:
            piece = self._chunks.popleft()
            taken.append(piece[:size])
            if piece[size:]:
                self._chunks.appendleft(piece[size:])
            size -= len(taken[-1])
            self._size -= len(taken[-1])
        return b"".join(taken)

    def _skip(self, data: bytes) -> None:
        if data:
            self._skipped += self._mask.held + len(data)
            self._mask.skip(data)

    def _skip_to(self, size: int) -> None:
        """Skips the oldest output until `size` bytes are left."""
        while self._size > size:
            self._skip(self._dequeue(min(self._size - size, MAX_BATCH_BYTES)))

    def _skip_unread(self, size: int) -> None:
        """Counts `size` bytes that were never read as skipped. What is buffered is skipped as well, since it is far behind."""
        self._skip_to(0)
        self._skipped += self._mask.held
        self._mask.skip(b"")
        seen = min(self._already_stored, size)
        self._already_stored -= seen
        self._received += size
        self._skipped += size - seen

    def _cursor(self) -> str:
        """Returns the cursor after everything taken or skipped. Buffered and held back bytes come after it."""
        processed = self._received - self._size - self._mask.held
        while len(self._source_cursors) > 1 and self._source_cursors[1][0] <= processed:
            self._source_cursors.popleft()
        offset, source_cursor = self._source_cursors[0]
        return f"{processed - offset}@{source_cursor or ''}"


def _parse_cursor(cursor: str | None) -> tuple[int, str | None]:
    stored, _, source_cursor = (cursor or "0@").partition("@")
    return int(stored), source_cursor or None
