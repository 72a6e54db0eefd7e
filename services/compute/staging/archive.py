"""Writes an archive of the process kind (`tar.zst`) from a copied tree."""

import hashlib
import os
from pathlib import Path
from typing import IO

import zstandard

from services.compute.staging import tar_stream
from services.compute.staging.content_store import ContentStore
from services.compute.staging.live_tree import DirectoryEntry

COMPRESSION_LEVEL = 3
ALL_PROCESSORS = -1


class HashingFile:
    """A file that computes the sha256 and the size of what is written into it.

    process/pack.py has its own: it runs by itself, and imports nothing of ours.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sum, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        self.size += len(data)
        return self.file.write(data)


def write(root: DirectoryEntry, contents: ContentStore, target: Path) -> tuple[str, int]:
    """Writes the archive, synced; returns its digest and its size in bytes. Raises StagingFailed, OSError."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        hashing = HashingFile(file)
        compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, threads=ALL_PROCESSORS)
        with compressor.stream_writer(hashing, closefd=False) as stream:  # type: ignore[arg-type] # it only writes
            tar_stream.write(tar_stream.archive_members(root), contents, stream.write)
        file.flush()
        os.fsync(file.fileno())
    return f"sha256:{hashing.sum.hexdigest()}", hashing.size
