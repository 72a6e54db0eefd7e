"""Compares what a save would write with the free space of the engine's disk, so that a sparse file does not fill it.

An engine commits a sparse file at its apparent size: 4 GiB that hold 8 bytes become 4 GiB. Its disk is seen only where the layer is a
directory of this machine; elsewhere the engine itself refuses once the disk is full.
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.compute.docker.changes import upper_directory
from services.compute.docker.engine import Absent, Engine
from services.compute.protocol import BYTES_PER_MIB, ComputeFailed, ComputeUnknown


async def require(engine: Engine, container: Mapping[str, Any], limit: float) -> None:
    """Raises ComputeFailed if the session's files need more than is free."""
    upper = upper_directory(engine, container)
    free = await asyncio.to_thread(_free, upper) if upper else None
    if free is None:
        return
    try:
        measured = await engine.call("GET", f"containers/{container['Id']}/json", params={"size": "true"}, limit=limit)
    except Absent as error:
        raise ComputeUnknown(f"the session's container went away during the save: {error}") from error
    if (needed := measured.get("SizeRw") or 0) > free:
        raise ComputeFailed(
            f"The save would write {needed // BYTES_PER_MIB:,} MiB, and the engine's disk has {free // BYTES_PER_MIB:,} MiB free. "
            "A sparse file counts with its whole length."
        )


def _free(directory: Path) -> int | None:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return None
