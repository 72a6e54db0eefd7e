"""Sums the CPU and memory use of a session's processes from /proc."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from services.compute.process.data_directory import SessionDirectory
from services.compute.process.procfs import PROC
from services.compute.process.state import State
from services.compute.protocol import Usage

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
ENDED_STATES = (b"Z", b"X")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat. Times in clock ticks; `children` is that of children that have ended and were waited for."""

    pid: int
    parent: int
    state: bytes
    own: int
    children: int
    threads: int


def usage(directory: SessionDirectory) -> Usage | None:
    """Returns the usage; None if the session does not run. Raises ComputeUnknown.

    The time of an ended process is part of the time of the process that waited for it, and the keeper waits for orphans. Children of a
    process that ignores SIGCHLD count only while they live. The session has no network of its own to count.
    """
    state = State.read(directory.state)
    if state is None or not state.has_keeper:
        return None
    processes = {process.pid: process for process in _processes()}
    keeper = processes.get(state.keeper.pid)
    below = list(_below(state.keeper.pid, processes))
    if keeper is None or not below:
        return None
    ticks = keeper.children + sum(process.own + process.children for process in below)
    running = [process for process in below if process.state not in ENDED_STATES]
    memory = sum(_memory(process.pid) for process in running)
    return Usage(ticks / TICKS_PER_SECOND, memory, processes=sum(process.threads for process in running))


def _processes() -> Iterator[Process]:
    for entry in os.scandir(PROC):
        if entry.name.isdecimal() and (process := _process(int(entry.name))):
            yield process


def _process(pid: int) -> Process | None:
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    user, system, children_user, children_system = map(int, fields[11:15])
    return Process(pid, int(fields[1]), fields[0], user + system, children_user + children_system, int(fields[17]))


def _below(top: int, processes: dict[int, Process]) -> Iterator[Process]:
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    waiting = children.get(top, [])
    while waiting:
        yield from waiting
        waiting = [child for process in waiting for child in children.get(process.pid, [])]


def _memory(pid: int) -> int:
    """Returns the bytes of memory that are not mapped from files (programs and libraries are shared).

    Pages that a fork shares with its parent count for both, since telling them apart would stop a large process for 80 ms a GiB.
    """
    try:
        _, resident, shared = map(int, (PROC / str(pid) / "statm").read_bytes().split()[:3])
    except OSError:
        return 0  # it ended at this moment
    return (resident - shared) * PAGE_BYTES
