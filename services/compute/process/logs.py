"""Reading the output that the keeper wrote: files named by the offset of their first byte, the oldest dropped."""

from pathlib import Path

from services.compute.protocol import LogPage


def read_page(directory: Path, offset: int, limit: int) -> LogPage:
    """Bytes from `offset` on, at most `limit`; a negative offset counts from the end."""
    while True:
        try:
            return _read(directory, offset, limit)
        except FileNotFoundError:  # a file was dropped at this moment: its bytes are gone, look again
            continue


def _read(directory: Path, offset: int, limit: int) -> LogPage:
    segments = sorted((int(path.suffix[1:]), path) for path in directory.glob("log.*"))
    if not segments:
        return LogPage(0, b"", 0)
    end = segments[-1][0] + segments[-1][1].stat().st_size
    start = max(segments[0][0], end + offset if offset < 0 else min(offset, end))
    data = b"".join(_part(path, first, start, limit) for first, path in segments)[:limit]
    return LogPage(start, data, start + len(data))


def _part(path: Path, first: int, start: int, limit: int) -> bytes:
    """What the segment holds of the bytes from `start` to `start + limit`."""
    skip, stop = max(0, start - first), start + limit - first
    if stop <= skip:
        return b""
    with path.open("rb") as file:
        file.seek(skip)
        return file.read(stop - skip)
