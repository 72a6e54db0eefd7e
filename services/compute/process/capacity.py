"""Builds the report on this machine: its capacity, and warnings about what the process kind cannot enforce."""

import os
import shutil
from pathlib import Path

from services.compute.protocol import Report

NO_ISOLATION = "Sessions run as the server's own user, without isolation: what it can read and do, they can."
NO_LIMITS = "CPU and memory limits of a session are not enforced."
SLOW_SAVES = "GNU tar and zstd are not both installed: saving many small files takes about ten times as long."
AS_ROOT = "The server runs as root, and so does every session."


def report() -> Report:
    warnings = [NO_ISOLATION, NO_LIMITS]
    if os.geteuid() == 0:
        warnings.append(AS_ROOT)
    if not (shutil.which("tar") and shutil.which("zstd")):
        warnings.append(SLOW_SAVES)
    return Report(float(len(os.sched_getaffinity(0))), _memory_mib(), 0, tuple(warnings))


def _memory_mib() -> int:
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) // 1024
