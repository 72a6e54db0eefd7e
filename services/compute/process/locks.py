"""Locks between tasks, and between servers on one machine: flock on a file, waited for without blocking the event loop."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

RETRY_SECONDS = 0.02
"""Seconds between two attempts: the kernel offers no wait for flock that an event loop could use."""


def try_lock(path: Path) -> int | None:
    """The descriptor that holds the lock, or None while somebody else does. Closing it gives the lock back."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file that was locked is the one of that name: the holder before us may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[int]:
    """Hold the lock; gives its descriptor, for a child process that must keep it beyond our death."""
    while (descriptor := try_lock(path)) is None:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(RETRY_SECONDS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
