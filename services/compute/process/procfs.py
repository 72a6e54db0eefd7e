"""What the kernel says about processes: is this still the one we started, and which belong to a session?"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

MARKER = "STUDIOGRAPH_SESSION"
"""Environment variable that every process of a session inherits: `<session name>:<random>`."""

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of one boot of this machine: the number alone is reused."""

    pid: int
    started: int
    """Clock ticks since boot, field 22 of /proc/PID/stat."""

    def alive(self) -> bool:
        """Whether exactly this process exists and is no zombie."""
        return start_time(self.pid) == self.started


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def marked(marker: str) -> list[Identity]:
    """The processes of our user whose environment at their start had this marker."""
    wanted = f"{MARKER}={marker}".encode()
    found = []
    for entry in os.scandir(PROC):
        if not entry.name.isdecimal():
            continue
        started = start_time(int(entry.name))
        if started is not None and _has(int(entry.name), wanted):
            found.append(Identity(int(entry.name), started))
    return found


def _has(pid: int, wanted: bytes) -> bool:
    try:
        if (PROC / str(pid)).stat().st_uid != os.geteuid():
            return False
        return wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def kill(identity: Identity) -> None:
    """SIGKILL, to exactly this process: the descriptor is opened before the check, so that a reused number is never hit."""
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
