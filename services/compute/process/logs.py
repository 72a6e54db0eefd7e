"""Reads a session's output from the keeper's log segments: files named by the offset of their first byte."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from services.compute.process.cancellation import in_thread
from services.compute.process.data_directory import SessionDirectory
from services.compute.process.state import observe
from services.compute.protocol import ComputeUnknown, OutputChunk, Presence

MAX_PIECE_BYTES = 1 << 16
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes from `start` on. `last`: the session had ended before they were read, so that no more will come."""

    start: int
    data: bytes
    last: bool = False


def tail(directory: Path, limit: int) -> bytes:
    """Returns the last bytes, at most `limit`."""
    return _read_with_retries(directory, -limit, limit).data


async def follow(directory: SessionDirectory, at: str | None) -> AsyncGenerator[OutputChunk]:
    """Streams what was printed after `at`, the offset as text. The files are read four times a second."""
    offset = int(at or 0)
    while True:
        piece = await in_thread(_next, directory, offset)
        if piece.data:
            skipped = max(piece.start - offset, 0)
            offset = piece.start + len(piece.data)
            yield OutputChunk(piece.data, str(offset), skipped)
        elif piece.last:
            return
        else:
            await asyncio.sleep(POLL_SECONDS)


def _next(directory: SessionDirectory, offset: int) -> Piece:
    """Returns the next piece. Only if there is nothing, it is checked whether the session has ended, and read once more."""
    piece = _read_with_retries(directory.path, offset, MAX_PIECE_BYTES)
    if piece.data:
        return piece
    ended = observe(directory).presence in (Presence.EXITED, Presence.ABSENT)
    piece = _read_with_retries(directory.path, offset, MAX_PIECE_BYTES)
    return Piece(piece.start, piece.data, last=ended)


def _read_with_retries(directory: Path, offset: int, limit: int) -> Piece:
    """Returns at most `limit` bytes from `offset` on; a negative offset counts from the end. Raises ComputeUnknown."""
    while True:
        try:
            return _read(directory, offset, limit)
        except FileNotFoundError:  # a file was dropped at this moment: its bytes are gone, look again
            continue
        except OSError as error:
            raise ComputeUnknown(f"The session's output cannot be read: {error}") from error


def _read(directory: Path, offset: int, limit: int) -> Piece:
    segments = sorted((int(path.suffix[1:]), path) for path in directory.glob("log.*"))
    if not segments:
        return Piece(offset, b"")
    end = segments[-1][0] + segments[-1][1].stat().st_size
    start = max(segments[0][0], end + offset if offset < 0 else min(offset, end))
    data = b"".join(_part(path, first, start, limit) for first, path in segments)[:limit]
    return Piece(start, data)


def _part(path: Path, first: int, start: int, limit: int) -> bytes:
    """Returns what the segment holds of the bytes from `start` to `start + limit`."""
    skip, stop = max(0, start - first), start + limit - first
    if stop <= skip:
        return b""
    with path.open("rb") as file:
        file.seek(skip)
        return file.read(stop - skip)
