"""Delivers the wake-ups of commits: those of this process at once, those of other processes by PostgreSQL's LISTEN and NOTIFY.

They are hints; content and order come from the event log. A wake-up may come twice, and one `lost` stands for all that were missed.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store.db.database import CHANNEL, Database, Wake

logger = logging.getLogger(__name__)

MIN_RETRY_SECONDS = 0.1
MAX_RETRY_SECONDS = 5.0
PING_INTERVAL_SECONDS = 20.0
PING_TIMEOUT_SECONDS = 10.0
LOST = Wake("lost", "")

Callback = Callable[[Wake], None]


class WakeSource(Protocol):
    """The part of `Wakeups` that its subscribers need."""

    def subscribe(self, callback: Callback) -> Callable[[], None]: ...


class Wakeups:
    """Calls its subscribers with each wake-up; one in each process. Callbacks run in the event loop and must not block."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._callbacks: dict[int, Callback] = {}
        self._next = 0
        self._stop_local: Callable[[], None] | None = None
        self._tried = asyncio.Event()
        backoff = Backoff(MIN_RETRY_SECONDS, MAX_RETRY_SECONDS)
        self._loop = BackgroundLoop("wake-ups", self._listen, failure="PostgreSQL is not listened to", backoff=backoff)

    async def start(self) -> None:
        """Starts to deliver. On PostgreSQL it returns once it listens, or after the first attempt failed (more attempts follow)."""
        self._stop_local = self._database.on_commit(self._deliver)
        if self._database.dialect == "postgresql":
            self._loop.start()
            await self._tried.wait()

    async def close(self) -> None:
        if self._stop_local:
            self._stop_local()
            self._stop_local = None
        await self._loop.stop()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Calls `callback` with each wake-up, and with a `lost` one after some may have been missed. Returns a function that ends that."""
        number = self._next = self._next + 1
        self._callbacks[number] = callback
        return lambda: self._callbacks.pop(number, None) and None

    def _deliver(self, wakes: list[Wake]) -> None:
        for wake in wakes:
            for callback in list(self._callbacks.values()):
                try:
                    callback(wake)
                except Exception:
                    logger.exception("a listener failed at %s", wake)

    async def _listen(self) -> float:
        """Listens until the connection is lost. Raises what keeps it from listening."""
        connection = _ListenConnection(self._database, self._deliver)
        try:
            await connection.begin()
            if self._tried.is_set():
                self._deliver([LOST])
            self._tried.set()
            self._loop.mark_healthy()
            await connection.until_lost()
        finally:
            self._tried.set()
            await connection.end()
        return MIN_RETRY_SECONDS


class _ListenConnection:
    """The connection on which this process listens."""

    def __init__(self, database: Database, deliver: Callable[[list[Wake]], None]) -> None:
        self._database = database
        self._deliver = deliver
        self._connection: Any = None
        self._lost = asyncio.Event()

    async def begin(self) -> None:
        self._connection = await self._database.dedicated_connection()
        self._connection.add_termination_listener(lambda _: self._lost.set())
        await self._connection.add_listener(CHANNEL, self._on_message)

    async def until_lost(self) -> None:
        """Returns when the connection ended, or no longer answers."""
        while not self._lost.is_set():
            try:
                await asyncio.wait_for(self._lost.wait(), PING_INTERVAL_SECONDS)
            except TimeoutError:
                await self._connection.execute("SELECT 1", timeout=PING_TIMEOUT_SECONDS)
        logger.warning("PostgreSQL ended the connection that listens")

    async def end(self) -> None:
        if self._connection:
            with suppress(OSError, TimeoutError):
                await self._connection.close(timeout=1)

    def _on_message(self, _connection: Any, _pid: int, _channel: str, message: str) -> None:
        words = message.split(" ")
        if len(words) == 3 and words[2].isdecimal():  # others may use the channel
            self._deliver([Wake(words[0], words[1], int(words[2]))])
