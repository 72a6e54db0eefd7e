"""Computes a fingerprint of a session's file system, so that a save without changes is skipped (B34).

The engine tells only which paths differ from the image, and how large they are together: a byte changed in place shows in neither.
Where the layer is a directory that this process may read (a local engine, as root), the newest change time in it decides;
elsewhere only an untouched layer is recognized, and everything else counts as changed.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.compute.docker.engine import UNIX_SCHEME, Engine

DIGEST_CHARACTERS = 16
UNTOUCHED = "0" * DIGEST_CHARACTERS


async def mark(engine: Engine, container: Mapping[str, Any]) -> str:
    """Returns the mark: equal marks mean equal files. It is taken before a save, so that a later change gives another mark."""
    if upper := upper_directory(engine, container):
        upper_mark = await asyncio.to_thread(_newest, upper)
        if upper_mark is not None:
            return upper_mark
    touched = await engine.call("GET", f"containers/{container['Id']}/changes", limit=60)
    return secrets.token_hex(DIGEST_CHARACTERS // 2) if touched else UNTOUCHED


def upper_directory(engine: Engine, container: Mapping[str, Any]) -> Path | None:
    """Returns the directory of what the session wrote; None where it is not one of this machine."""
    upper = ((container.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    return Path(upper) if upper and engine.url.startswith(UNIX_SCHEME) else None


def _newest(upper: Path) -> str | None:
    """Returns None if the layer cannot be read. A running container may remove files while they are listed."""
    newest, count = 0, 0
    try:
        newest = upper.stat().st_ctime_ns
    except OSError:
        return None
    for directory, names, files in os.walk(upper):
        for name in (*names, *files):
            try:
                newest = max(newest, os.lstat(os.path.join(directory, name)).st_ctime_ns)  # noqa: PTH118 - many thousands of them
            except FileNotFoundError:
                newest += 1
            count += 1
    return hashlib.sha256(f"{newest}:{count}".encode()).hexdigest()[:DIGEST_CHARACTERS]
