"""Compares what a save would write with the free space of the engine's disk, and tells which files are larger in it than on the disk.

An engine commits a sparse file at its apparent size: 4 GiB that hold 8 bytes become 4 GiB. Its disk is seen only where the layer is a
directory of this machine; elsewhere the engine itself refuses once the disk is full.
"""

import asyncio
import heapq
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.compute.docker.changes import upper_directory
from services.compute.docker.engine import Absent, Engine
from services.compute.protocol import BYTES_PER_MIB, ComputeFailed, ComputeUnknown, Progress

MIN_ANNOUNCED_BYTES = 256 * BYTES_PER_MIB
"""Holes in a session's files that are smaller than this together are written in a few seconds, and not worth a message."""
BLOCK_BYTES = 512
"""The unit of `st_blocks`, whatever the block size of the file system."""
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class SparseFile:
    """A file of a session, by its path there. A save writes `apparent_bytes`, of which the session's disk holds less by `hole_bytes`."""

    path: str
    apparent_bytes: int
    hole_bytes: int


async def require(engine: Engine, container: Mapping[str, Any], limit: float, progress: Progress | None) -> None:
    """Raises ComputeFailed if the session's files need more than is free. Tells `progress` what sparse files cost."""
    upper = upper_directory(engine, container)
    free = await asyncio.to_thread(_free, upper) if upper else None
    if upper is None or free is None:
        return
    needed = await _needed(engine, container["Id"], limit)
    if needed > free:
        costs = _costs(await asyncio.to_thread(_sparse_files, upper))
        raise ComputeFailed(
            f"The save would write {_mib(needed)}, and the engine's disk has {_mib(free)} free. {costs}"
            "Shorten or remove what is not needed, or free space on that disk; docs/images.md says how files are removed after the session "
            "has ended."
        )
    if progress is not None and needed >= MIN_ANNOUNCED_BYTES:
        sparse = await asyncio.to_thread(_sparse_files, upper)
        if sum(file.hole_bytes for file in sparse) >= MIN_ANNOUNCED_BYTES:
            await progress(f"Writing {_mib(needed)}. {_costs(sparse)}".rstrip())


async def _needed(engine: Engine, container_id: str, limit: float) -> int:
    """Returns the size of what the session wrote, in bytes: the sum of the apparent sizes."""
    try:
        measured = await engine.call("GET", f"containers/{container_id}/json", params={"size": "true"}, limit=limit)
    except Absent as error:
        raise ComputeUnknown(f"the session's container went away during the save: {error}") from error
    return measured.get("SizeRw") or 0


def _costs(sparse: list[SparseFile]) -> str:
    """Returns sentences that name the files with the largest holes; nothing if there are none."""
    if not sparse:
        return ""
    named = ", ".join(f"{json.dumps(file.path, ensure_ascii=False)} ({_mib(file.apparent_bytes)})" for file in sparse)
    return f"A sparse file counts with its whole length: {named}. "


def _mib(size: int) -> str:
    return f"{size // BYTES_PER_MIB:,} MiB"


def _sparse_files(upper: Path) -> list[SparseFile]:
    """Returns the files with the largest holes, the largest first."""
    return heapq.nlargest(MAX_NAMED, _files_with_holes(upper), key=lambda file: file.hole_bytes)


def _files_with_holes(upper: Path) -> Iterator[SparseFile]:
    """Yields the files that have whole MiB less on the disk than their length. A running container may remove files meanwhile."""
    for directory, _, names in os.walk(upper):
        for name in names:
            path = os.path.join(directory, name)  # noqa: PTH118 - many thousands of them
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if (holes := status.st_size - status.st_blocks * BLOCK_BYTES) >= BYTES_PER_MIB:
                yield SparseFile(f"/{os.path.relpath(path, upper)}", status.st_size, holes)


def _free(directory: Path) -> int | None:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return None
