"""A program that keeps the copy of one session's files, for the server that started it and only as long as that lives.

It reads one order, a JSON object, from each line of its input, and answers each with a line of JSON: {} or {"error": why}. Its one argument
says what is copied: {"live": directory, "device", "inode", "contents": directory, "overlay": bool}. The orders:

  {"do": "prepare"}  copies what there is, while the session runs.
  {"do": "finish"}   copies what has changed since, while it is paused.
  {"do": "measure"}  answers {"bytes": length of the layer, "empty": bool}.
  {"do": "layer"}    answers with that many bytes of the layer's tar, and then {"digest": its sha256}.
  {"do": "archive", "target": file}  writes an archive of the process kind, and answers {"digest": its sha256, "size": its bytes}.
"""

import ctypes
import gc
import hashlib
import json
import os
import signal
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.compute.staging import tar_stream
from services.compute.staging.errors import StagingFailed, TreeNotSupported
from services.compute.staging.live_tree import OPEN_DIRECTORY
from services.compute.staging.staged_copy import StagedCopy

PR_SET_PDEATHSIG = 1
CAP_SYS_ADMIN = 21
ALL_IDS = ["0", "0", "4294967295"]
MAPPED_FILE_SYSTEMS = {"ext4", "xfs", "btrfs"}
"""The file systems on which the first write into a mapping after a write-back sets the change time."""


class Program:
    """Carries out the orders."""

    def __init__(self, copy: StagedCopy) -> None:
        self._copy = copy
        self._orders: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "prepare": self._prepare,
            "finish": self._finish,
            "measure": self._measure,
            "layer": self._layer,
            "archive": self._archive,
        }

    def run(self) -> None:
        """Carries out orders until the input ends."""
        for line in sys.stdin.buffer:
            try:
                order = json.loads(line)
                answer = self._orders[order["do"]](order)
            except (StagingFailed, OSError, tarfile.TarError) as error:
                answer = {"error": str(error)}
            send(answer)
        self._copy.close()

    def _prepare(self, _: dict[str, Any]) -> dict[str, Any]:
        self._copy.prepare()
        return {}

    def _finish(self, _: dict[str, Any]) -> dict[str, Any]:
        self._copy.finish()
        return {}

    def _measure(self, _: dict[str, Any]) -> dict[str, Any]:
        root = self._copy.tree.root
        return {"bytes": tar_stream.length(tar_stream.layer_members(root)), "empty": not root.files and not root.directories}

    def _layer(self, _: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256()

        def write(data: bytes) -> None:
            digest.update(data)
            sys.stdout.buffer.write(data)

        tar_stream.write(tar_stream.layer_members(self._copy.tree.root), self._copy.contents, write)
        return {"digest": f"sha256:{digest.hexdigest()}"}

    def _archive(self, order: dict[str, Any]) -> dict[str, Any]:
        from services.compute.staging import archive  # its library is not needed for layers, and takes time to load

        digest, size = archive.write(self._copy.tree.root, self._copy.contents, Path(order["target"]))
        return {"digest": digest, "size": size}


def send(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def opened(orders: dict[str, Any]) -> StagedCopy:
    """Opens the tree and its copy. Raises StagingFailed, OSError."""
    live = os.open(orders["live"], OPEN_DIRECTORY)
    status = os.fstat(live)
    if (status.st_dev, status.st_ino) != (orders["device"], orders["inode"]):
        raise TreeNotSupported("the directory was replaced")
    require_change_times(status.st_dev)
    if orders["overlay"]:
        require_overlay_attributes()
    return StagedCopy(live, os.open(orders["contents"], OPEN_DIRECTORY), is_overlay=orders["overlay"])


def require_change_times(device: int) -> None:
    """Raises TreeNotSupported unless every change on the file system shows as another change time."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == number and after.split()[0] in MAPPED_FILE_SYSTEMS:
            return
    raise TreeNotSupported("it is not known whether the file system shows all changes")


def require_overlay_attributes() -> None:
    """Raises TreeNotSupported unless this process sees the attributes `trusted.overlay.*`, which the kernel hides from others."""
    capabilities = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:"))
    is_allowed = int(capabilities.split()[1], 16) >> CAP_SYS_ADMIN & 1
    if not is_allowed or Path("/proc/self/uid_map").read_text().split() != ALL_IDS:
        raise TreeNotSupported("the attributes of overlayfs cannot be read")


def main() -> None:
    """Runs the program; it ends with the server."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    gc.disable()  # there are no cycles, and looking for them takes a second with 200,000 files
    try:
        copy = opened(json.loads(sys.argv[1]))
    except (StagingFailed, OSError) as error:
        send({"error": str(error)})
        return
    send({})
    Program(copy).run()
