"""Finds the directory on this machine that a running container writes to, and proves that it is the container's.

An engine names the directory, but may run on another machine where the same path exists, or see other mounts than this process. So the
kernel is asked: the container's main process has an overlay as its root whose upper directory has that name, and both show the same times.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.compute.docker.changes import upper_directory
from services.compute.docker.engine import Engine
from services.compute.staging.client import LiveDirectory

DRIVER = "overlay2"
ALL_IDS = ["0", "0", "4294967295"]
UNSUPPORTED_OPTIONS = ("userxattr", "metacopy=on", "redirect_dir=on")
"""Options of an overlay with which its upper directory means more than names, deletions and opaque directories."""
TRIES = 5
"""How often the times are compared: a session may change its root directory between the two looks."""
MAX_CONFIG_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class LocalLayer:
    """The upper directory of a container, and the data directory of its engine."""

    live: LiveDirectory
    data_root: Path

    def image_config(self, image_id: str) -> dict[str, Any] | None:
        """Returns the stored configuration of an image, which its id proves; None if it is not there. Blocking."""
        algorithm, _, digest = image_id.partition(":")
        path = self.data_root / "image" / DRIVER / "imagedb" / "content" / algorithm / digest
        try:
            with path.open("rb") as file:
                data = file.read(MAX_CONFIG_BYTES)
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            return None
        config: dict[str, Any] = json.loads(data)
        return config


def find(engine: Engine, container: Mapping[str, Any]) -> LocalLayer | None:
    """Returns the layer of a running container; None where it is not certainly a directory of this machine that we may read. Blocking."""
    upper, process = upper_directory(engine, container), container["State"].get("Pid")
    if upper is None or not process or (container.get("GraphDriver") or {}).get("Name") != DRIVER:
        return None
    try:
        if not _is_root_of(Path("/proc", str(process)), upper):
            return None
        return LocalLayer(LiveDirectory.of(upper, is_overlay=True), upper.parents[2])
    except (OSError, ValueError, IndexError):
        return None


def _is_root_of(process: Path, upper: Path) -> bool:
    """Returns whether the process has the overlay with this upper directory as its root, without other numbers for users."""
    if (process / "uid_map").read_text().split() != ALL_IDS:
        return False
    options = _root_options((process / "mountinfo").read_text())
    if any(option in UNSUPPORTED_OPTIONS for option in options) or not any(_is_upper(option, upper) for option in options):
        return False
    return any(_times((process / "root").stat()) == _times(upper.lstat()) for _ in range(TRIES))


def _root_options(mounts: str) -> list[str]:
    """Returns the options of the overlay that is mounted at /; none if that is no overlay."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[4] == "/":
            kind, _, options = after.split()
            return options.split(",") if kind == "overlay" else []
    return []


def _is_upper(option: str, upper: Path) -> bool:
    """Returns whether it names the directory, perhaps relative to the data directory: its parent's name is a random number."""
    name, _, value = option.partition("=")
    return name == "upperdir" and Path(value).parts[-2:] == upper.parts[-2:]


def _times(status: os.stat_result) -> tuple[int, int]:
    return status.st_ctime_ns, status.st_mtime_ns
