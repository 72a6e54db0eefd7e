"""Output is stored completely and once, or is counted as skipped; after an interruption it continues from the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.compute.protocol import OutputChunk
from services.controller.logs import log_buffer as buffers
from services.controller.logs.log_buffer import (
    MAX_BATCH_BYTES,
    MAX_BUFFERED_BYTES,
    MAX_BURST_BYTES,
    MAX_STORED_BYTES_PER_SECOND,
    Batch,
    LogBuffer,
)
from services.secrets.masking import ELLIPSIS, Mask

pytestmark = pytest.mark.behaviour("B84")
SECRET = "abca"


def source(data: bytes, cursor: str | None, size: int) -> list[OutputChunk]:
    """The output that a compute environment returns after `cursor`, an offset."""
    at = int(cursor or 0)
    return [OutputChunk(data[i : i + size], str(min(i + size, len(data)))) for i in range(at, len(data), size)]


@given(st.text("abc", max_size=60), st.integers(1, 9), st.lists(st.integers(0, 12), max_size=4), st.booleans())
def test_restarts_lose_nothing_and_store_nothing_twice(text: str, size: int, breaks: list[int], hidden: bool) -> None:
    data = text.encode() + b"."
    forms = [SECRET] if hidden else []
    stored, cursor = b"", None
    for pieces in [*breaks, 1000]:
        buffer = LogBuffer(Mask(forms), cursor, 0)
        for chunk in source(data, buffer.source_cursor, size)[:pieces]:
            buffer.add(chunk)
            if batch := buffer.take(0):
                stored, cursor = stored + batch.data, batch.cursor
                assert batch.skipped == 0
    assert stored == (data.replace(SECRET.encode(), ELLIPSIS.encode()) if hidden else data)


def batches(buffer: LogBuffer, now: float, *, at_end: bool = False) -> list[Batch]:
    taken = []
    while batch := buffer.take(now, at_end=at_end):
        taken.append(batch)
    return taken


def test_a_burst_is_stored_whole_and_a_flood_is_slowed_down_and_counted() -> None:
    buffer, line = LogBuffer(Mask([]), None, 0), b"x" * 1023 + b"\n"
    for number in range(MAX_BURST_BYTES // 1024):
        assert not buffer.add(OutputChunk(line, str(number)))
    first = batches(buffer, 0)
    assert sum(len(batch.data) for batch in first) == MAX_BURST_BYTES
    assert max(len(batch.data) for batch in first) == MAX_BATCH_BYTES
    came = MAX_BURST_BYTES
    stored, skipped = MAX_BURST_BYTES, 0
    for second in range(1, 11):
        for _ in range(4096):
            buffer.add(OutputChunk(line, "0"))
            came += 1024
        assert buffer.buffered_bytes <= MAX_BUFFERED_BYTES
        for batch in batches(buffer, second):
            stored, skipped = stored + len(batch.data), skipped + batch.skipped
    assert stored == MAX_BURST_BYTES + 10 * MAX_STORED_BYTES_PER_SECOND
    last = batches(buffer, 10, at_end=True)
    assert b"".join(batch.data for batch in last).endswith(line)
    assert stored + skipped + sum(len(batch.data) + batch.skipped for batch in last) == came


def test_what_the_compute_environment_lost_is_counted_also_after_a_restart() -> None:
    buffer = LogBuffer(Mask([]), None, 0)
    buffer.add(OutputChunk(b"early", "5"))
    assert buffer.take(0) == Batch(b"early", "0@5", 0)
    buffer.add(OutputChunk(b"late", "109", skipped=100))
    batch = buffer.take(0)
    assert batch == Batch(b"late", "0@109", 100)
    for cursor, expected in (
        ("0@5", Batch(b"late", "0@109", 100)),
        ("102@5", Batch(b"te", "0@109", 0)),
        ("60@5", Batch(b"late", "0@109", 40)),
    ):
        again = LogBuffer(Mask([]), cursor, 0)
        assert again.source_cursor == "5"
        again.add(OutputChunk(b"late", "109", skipped=100))
        assert again.take(0) == expected


def test_after_a_gap_the_rest_of_a_secret_may_come_first() -> None:
    buffer = LogBuffer(Mask(["correct-horse"]), None, 0)
    buffer.add(OutputChunk(b"corr", "4"))
    buffer.add(OutputChunk(b"ct-horse\nand so on", "99", skipped=50))
    assert buffer.take(0) == Batch(b"so on", "0@99", 4 + 50 + 13)


def test_what_may_be_the_beginning_of_a_secret_is_shown_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "MAX_HOLD_SECONDS", 1.0)
    buffer = LogBuffer(Mask(["correct-horse"]), None, 0)
    buffer.add(OutputChunk(b"name: co", "8"))
    assert buffer.take(0) == Batch(b"name: ", "6@", 0)
    assert buffer.is_holding
    assert buffer.take(0.9) is None
    assert buffer.take(1.1) == Batch(b"co", "0@8", 0)
    assert not buffer.is_holding
