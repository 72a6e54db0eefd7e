"""What waits to be written to one socket or stream: bounded, written by one task, so that a slow reader holds up nobody else."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Stalled(Exception):
    """The reader took nothing for too long."""


class Outbox:
    """Messages on their way out, `limit` bytes at most. `write_one` returns when the reader may be given another.

    `push` is for whoever cannot wait: it says whether there was room. `put` waits for room, at most `stall_seconds` without any
    progress of the reader.
    """

    def __init__(self, write_one: Callable[[bytes], Awaitable[None]], limit: int, stall_seconds: float) -> None:
        self._write_one = write_one
        self._limit = limit
        self._stall_seconds = stall_seconds
        self._messages: deque[bytes] = deque()
        self._waiting = 0
        self._added = asyncio.Event()
        self._taken = asyncio.Event()
        self._gone = False

    def push(self, message: bytes) -> bool:
        """Queue a message; False, and nothing queued, if it does not fit. A message larger than the limit fits an empty outbox."""
        if self._gone:
            return True  # nobody reads; whoever writes is told by the end of the socket
        if self._messages and self._waiting + len(message) > self._limit:
            return False
        self._messages.append(message)
        self._waiting += len(message)
        self._added.set()
        return True

    async def put(self, message: bytes) -> None:
        """Queue a message as soon as it fits. Raises Stalled."""
        while not self.push(message):
            await self._progress()

    async def flush(self) -> None:
        """Wait until all is written, as long as the reader takes something now and then. Raises Stalled."""
        while self._messages:
            await self._progress()

    async def drain(self, seconds: float) -> None:
        """Wait until all is written, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self._messages and not self._gone:
                    self._taken.clear()
                    await self._taken.wait()
        except TimeoutError:
            return

    async def write(self) -> None:
        """Write what is queued until the socket closes. Run it as a task."""
        try:
            while True:
                await self._added.wait()
                self._added.clear()
                while self._messages:
                    await self._write_one(self._messages[0])
                    self._waiting -= len(self._messages.popleft())
                    self._taken.set()
        except (OSError, RuntimeError):  # an ASGI server's way to say that the socket is closed
            self._gone = True
            self._messages.clear()
            self._taken.set()

    async def _progress(self) -> None:
        self._taken.clear()
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._taken.wait()
        except TimeoutError:
            raise Stalled from None
