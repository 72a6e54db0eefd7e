"""Builds the report on an engine: its capacity, and warnings about limits that it cannot enforce."""

from collections.abc import Mapping
from typing import Any

from services.compute.docker.reach import Mode
from services.compute.protocol import BYTES_PER_MIB, ComputeFailed, Report

LIMIT_WARNINGS = {
    "MemoryLimit": "The engine's kernel cannot limit memory.",
    "SwapLimit": "The engine's kernel cannot limit swap: a session may use more memory than its limit.",
    "CpuCfsQuota": "The engine's kernel cannot limit CPU time.",
    "PidsLimit": "The engine's kernel cannot limit the number of processes.",
}
NO_SECCOMP = "The engine does not filter system calls (seccomp)."


def report(info: Mapping[str, Any], mode: Mode, open_host: str | None) -> Report:
    """Returns the report. `open_host` is why sessions can reach the host. Raises ComputeFailed unless the engine runs Linux containers."""
    if info["OSType"] != "linux":
        raise ComputeFailed(f"The Docker Engine runs {info['OSType']} containers; sessions need Linux ones.")
    warnings = [text for key, text in LIMIT_WARNINGS.items() if info.get(key) is False]
    if not any("seccomp" in option for option in info.get("SecurityOptions") or []):
        warnings.append(NO_SECCOMP)
    if open_host is not None:
        warnings.append(open_host)
    engine = f"Docker Engine {info['ServerVersion']}."
    return Report(float(info["NCPU"]), info["MemTotal"] // BYTES_PER_MIB, 0, tuple(warnings), (engine, mode.meaning))
