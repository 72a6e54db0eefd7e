"""Acquires file locks (flock) between tasks and between servers on one machine, without blocking the event loop."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

RETRY_SECONDS = 0.02
"""The time between two attempts: the kernel offers no wait for flock that an event loop could use."""


def try_lock(path: Path) -> int | None:
    """Returns the descriptor that holds the lock, or None while another one does. Closing it releases the lock."""
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
    """Returns whether the file that was locked still has that name: the previous holder may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[int]:
    """Holds the lock for the block; yields its descriptor, for a child process that must keep it if this server is killed."""
    while (descriptor := try_lock(path)) is None:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(RETRY_SECONDS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
