"""Makes pages of text from stored output, without cutting a character of several bytes at their borders (B84)."""

from services.rows.logs import LogOutputRow, LogPageRow
from services.store.outputs import OutputPage

MAX_CHARACTER_BYTES = 4
"""The length of the longest character in UTF-8, in bytes."""


def log_page(output: LogOutputRow, page: OutputPage, limit: int, *, from_end: bool) -> LogPageRow:
    """Returns the page of text. `limit` is the number of bytes that `page` was read with.

    `from_end` says that the page was counted from the end of the output, so that it may begin within a character.
    """
    closed = page.closed or (output.ended and page.end == 0)
    data = page.data
    skip = _continuation_bytes(data) if from_end and page.start > 0 else 0
    stop = len(data)
    at_end = page.next_offset == page.end
    if len(data) == limit or (at_end and not closed):
        stop = _complete_bytes(data)
    text = data[skip:stop].decode(errors="replace")
    next_offset = page.start + stop
    complete = closed and next_offset == page.end
    return LogPageRow(output.source, output.session, page.start + skip, next_offset, page.end, text, complete)


def _continuation_bytes(data: bytes) -> int:
    """Returns the number of bytes at the start that belong to a character which begins before `data`."""
    count = 0
    while count < min(MAX_CHARACTER_BYTES - 1, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count


def _complete_bytes(data: bytes) -> int:
    """Returns the length of `data` without a last character that is cut off."""
    for back in range(1, min(MAX_CHARACTER_BYTES, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            needed = 2 if 0xC2 <= byte < 0xE0 else 3 if 0xE0 <= byte < 0xF0 else 4 if 0xF0 <= byte < 0xF5 else 1
            return len(data) - back if needed > back else len(data)
    return len(data)
