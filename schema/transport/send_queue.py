"""Queues the messages of one socket or stream: bounded, and written by one task, so that a slow reader delays nobody else."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class ReaderStalled(Exception):
    """The reader took no message for too long."""


class SendQueue:
    """A queue of `limit` bytes. `write_one` writes a message, and returns when the next may be written.

    `push` never waits: it returns whether the message fitted. `put` waits for space, but no longer than `stall_seconds` without any
    progress of the reader.
    """

    def __init__(self, write_one: Callable[[bytes], Awaitable[None]], limit: int, stall_seconds: float) -> None:
        self._write_one = write_one
        self._limit = limit
        self._stall_seconds = stall_seconds
        self._messages: deque[bytes] = deque()
        self._queued_bytes = 0
        self._added = asyncio.Event()
        self._taken = asyncio.Event()
        self._is_closed = False

    @property
    def queued_bytes(self) -> int:
        """The size of the messages that are not written yet."""
        return self._queued_bytes

    def push(self, message: bytes) -> bool:
        """Queues a message, or returns False if it does not fit. A message larger than the limit fits into an empty queue."""
        if self._is_closed:
            return True  # nobody reads it; the end of the socket ends the writers
        if self._messages and self._queued_bytes + len(message) > self._limit:
            return False
        self._messages.append(message)
        self._queued_bytes += len(message)
        self._added.set()
        return True

    async def put(self, message: bytes) -> None:
        """Queues a message as soon as it fits. Raises ReaderStalled."""
        while not self.push(message):
            await self._progress()

    async def flush(self) -> None:
        """Waits until all messages are written. Raises ReaderStalled."""
        while self._messages:
            await self._progress()

    async def drain(self, seconds: float) -> None:
        """Waits until all messages are written, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self._messages and not self._is_closed:
                    self._taken.clear()
                    await self._taken.wait()
        except TimeoutError:
            return

    async def write(self) -> None:
        """Writes the queued messages until the socket closes. It runs as a task."""
        try:
            while True:
                await self._added.wait()
                self._added.clear()
                while self._messages:
                    await self._write_one(self._messages[0])
                    self._queued_bytes -= len(self._messages.popleft())
                    self._taken.set()
        except (OSError, RuntimeError):  # how ASGI servers report a closed socket
            self._is_closed = True
            self._messages.clear()
            self._queued_bytes = 0
            self._taken.set()

    async def _progress(self) -> None:
        self._taken.clear()
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._taken.wait()
        except TimeoutError:
            raise ReaderStalled from None
