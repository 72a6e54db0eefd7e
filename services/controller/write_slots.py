"""Bounds how many steps of one compute environment wait for the same event stream at a time."""

import asyncio
from weakref import WeakValueDictionary

MAX_CONCURRENT_WRITES = 2
"""Of the Studios of one compute environment: one writes, and one waits for the lock of the workspace's stream, which both need."""


class WriteSlots:
    """Has a semaphore for each compute environment.

    When hundreds of Studios on an engine that ends its silence, or begins it, all write at once, a Studio on another engine of the
    workspace waits behind MAX_CONCURRENT_WRITES of them for the stream, and not behind all.
    """

    def __init__(self) -> None:
        self._semaphores: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, environment_id: str) -> asyncio.Semaphore:
        """Returns the semaphore to hold while a step of this environment writes its result."""
        semaphore = self._semaphores.get(environment_id)
        if semaphore is None:
            semaphore = self._semaphores[environment_id] = asyncio.Semaphore(MAX_CONCURRENT_WRITES)
        return semaphore
