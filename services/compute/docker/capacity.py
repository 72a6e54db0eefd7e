"""What an engine offers to sessions, and what it cannot promise."""

from collections.abc import Mapping
from typing import Any

from services.compute.protocol import ComputeFailed, Report

MIB = 1 << 20
MISSING = {
    "MemoryLimit": "The engine's kernel cannot limit memory.",
    "SwapLimit": "The engine's kernel cannot limit swap: a session may use more memory than its limit.",
    "CpuCfsQuota": "The engine's kernel cannot limit CPU time.",
    "PidsLimit": "The engine's kernel cannot limit the number of processes.",
}
NO_SECCOMP = "The engine does not filter system calls (seccomp)."
NO_INIT = "The engine has no docker-init: processes that a session's tool leaves behind are not reaped."


def has_init(info: Mapping[str, Any]) -> bool:
    """Debian's docker.io only recommends it (package tini)."""
    return (info.get("InitCommit") or {}).get("ID", "N/A") not in ("", "N/A")


def report(info: Mapping[str, Any], warnings: tuple[str, ...], notes: tuple[str, ...]) -> Report:
    """Raises ComputeFailed for an engine that runs something else than Linux containers."""
    if info["OSType"] != "linux":
        raise ComputeFailed(f"The Docker Engine runs {info['OSType']} containers; sessions need Linux ones.")
    found = [text for key, text in MISSING.items() if info.get(key) is False]
    if not any("seccomp" in option for option in info.get("SecurityOptions") or []):
        found.append(NO_SECCOMP)
    if not has_init(info):
        found.append(NO_INIT)
    return Report(float(info["NCPU"]), info["MemTotal"] // MIB, 0, (*found, *warnings), notes)
