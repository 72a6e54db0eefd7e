"""Identifies processes by /proc: whether a pid is still the same process, and which processes belong to a session."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

MARKER = "STUDIOGRAPH_SESSION"
"""Environment variable that every process of a session inherits: `<session name>:<random>`."""

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of one boot of this machine. A pid alone is reused."""

    pid: int
    started: int
    """Clock ticks since boot, field 22 of /proc/PID/stat."""

    def alive(self) -> bool:
        """Returns whether exactly this process exists and is no zombie."""
        return start_time(self.pid) == self.started


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Returns when the process started, in clock ticks since boot; None if it has ended or is a zombie."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def marked(marker: str) -> list[Identity]:
    """Returns the processes of the server's user whose variables at their start had this marker."""
    variable = f"{MARKER}={marker}".encode()
    identities = []
    for entry in os.scandir(PROC):
        if not entry.name.isdecimal():
            continue
        started = start_time(int(entry.name))
        if started is not None and _has(int(entry.name), variable):
            identities.append(Identity(int(entry.name), started))
    return identities


def _has(pid: int, variable: bytes) -> bool:
    try:
        if (PROC / str(pid)).stat().st_uid != os.geteuid():
            return False
        return variable in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def kill(identity: Identity) -> None:
    """Sends SIGKILL to exactly this process: the descriptor is opened before the check, so that a reused pid is never hit."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        if identity.alive():
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    finally:
        os.close(descriptor)
