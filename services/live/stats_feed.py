"""What running sessions use, as it is measured: read once in each process for all who watch, and handed to each (B85)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from services.live.stream_items import Timing
from services.rows.stats import SessionStatsRow
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import stats
from services.store.db.database import Database, Wake
from services.store.db.wakeups import WakeSource


class Meter:
    """One watcher's view of one Studio: gives the newest measurement, then each newer one; those that it had no time for are left out."""

    def __init__(self) -> None:
        self._waiting: SessionStatsRow | None = None
        self._seen: SessionStatsRow | None = None
        self._ended = False
        self._changed = asyncio.Event()

    def offer(self, row: SessionStatsRow) -> None:
        if row != self._seen:
            self._waiting = self._seen = row
            self._changed.set()

    def end(self) -> None:
        """Let the iteration end."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionStatsRow:
        while True:
            self._changed.clear()
            if self._ended:
                raise StopAsyncIteration
            row, self._waiting = self._waiting, None
            if row:
                return row
            await self._changed.wait()


class StatsFeed:
    """One in each process. However many watch, a round of measurements costs one statement."""

    def __init__(self, database: Database, wakeups: WakeSource, timing: Timing | None = None) -> None:
        self._database = database
        self._wakeups = wakeups
        self._meters: dict[str, set[Meter]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None
        timing = timing or Timing()
        backoff = Backoff(timing.retry_seconds, timing.retry_limit_seconds)
        self._loop = BackgroundLoop(
            "stats feed", self._read_and_show, failure="Measurements could not be read for subscribers", backoff=backoff
        )

    async def start(self) -> None:
        self._unsubscribe = self._wakeups.subscribe(self._on_wake)
        self._loop.start()

    async def close(self) -> None:
        """End all iterations. Nothing of it uses the database afterwards."""
        self._unsubscribe()
        for meter in [meter for stats_feed in self._meters.values() for meter in stats_feed]:
            meter.end()
        await self._loop.stop()

    @property
    def watched(self) -> frozenset[str]:
        """The ids of the Studios that are watched at this moment."""
        return frozenset(self._meters)

    @property
    def is_woken(self) -> bool:
        """True while a reading is due that has not begun."""
        return self._loop.is_woken

    @asynccontextmanager
    async def watching(self, studio_id: str) -> AsyncIterator[Meter]:
        """A meter that shows the Studio's sessions, one after the other. Rights are the caller's affair."""
        meter = Meter()
        self._meters.setdefault(studio_id, set()).add(meter)
        self._loop.wake()
        try:
            yield meter
        finally:
            self._meters[studio_id].discard(meter)
            if not self._meters[studio_id]:
                del self._meters[studio_id]

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic in ("stats", "lost"):
            self._loop.wake()

    async def _read_and_show(self) -> None:
        if self._meters:
            await self._show(await self._read())

    async def _read(self) -> dict[str, SessionStatsRow]:
        async with self._database.read() as reader:
            return await stats.of_studios(reader, sorted(self._meters))

    async def _show(self, rows: dict[str, SessionStatsRow]) -> None:
        for studio_id, row in rows.items():
            for meter in self._meters.get(studio_id, ()):
                meter.offer(row)
            await asyncio.sleep(0)
