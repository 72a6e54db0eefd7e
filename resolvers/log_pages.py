"""Output as text: bytes at the borders of pages are not torn out of a character (B84)."""

from services.rows.logs import LogOutputRow, LogPageRow
from services.store.outputs import OutputPage

LONGEST_CHARACTER = 4


def log_page(printer: LogOutputRow, page: OutputPage, limit: int, *, from_end: bool) -> LogPageRow:
    """`page` was read with `limit`. `from_end`: it begins where it happened to, so that a character may have begun before it."""
    closed = page.closed or (printer.ended and page.end == 0)
    data = page.data
    skip = _rest(data) if from_end and page.start > 0 else 0
    stop = len(data)
    at_end = page.next_offset == page.end
    if len(data) == limit or (at_end and not closed):
        stop = _whole(data)
    text = data[skip:stop].decode(errors="replace")
    next_offset = page.start + stop
    complete = closed and next_offset == page.end
    return LogPageRow(printer.source, printer.session, page.start + skip, next_offset, page.end, text, complete)


def _rest(data: bytes) -> int:
    """How many bytes at the beginning belong to a character that began before."""
    rest = 0
    while rest < min(LONGEST_CHARACTER - 1, len(data)) and data[rest] & 0xC0 == 0x80:
        rest += 1
    return rest


def _whole(data: bytes) -> int:
    """How many bytes there are without a last character that is cut off."""
    for back in range(1, min(LONGEST_CHARACTER, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            needed = 2 if 0xC2 <= byte < 0xE0 else 3 if 0xE0 <= byte < 0xF0 else 4 if 0xF0 <= byte < 0xF5 else 1
            return len(data) - back if needed > back else len(data)
    return len(data)
