"""Streams the resource use of running sessions: measurements are read once in each process and passed to all subscribers (B85)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from services.live.stream_items import StreamSettings
from services.rows.stats import SessionStatsRow
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import stats
from services.store.db.database import Database, Wake
from services.store.db.wakeups import WakeSource


class StatsSubscription:
    """Yields the newest measurement of one Studio, then newer ones. A slow subscriber skips measurements."""

    def __init__(self) -> None:
        self._pending: SessionStatsRow | None = None
        self._newest: SessionStatsRow | None = None
        self._ended = False
        self._changed = asyncio.Event()

    def offer(self, row: SessionStatsRow) -> None:
        if row != self._newest:
            self._pending = self._newest = row
            self._changed.set()

    def end(self) -> None:
        """Ends the iteration."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionStatsRow:
        while True:
            self._changed.clear()
            if self._ended:
                raise StopAsyncIteration
            row, self._pending = self._pending, None
            if row:
                return row
            await self._changed.wait()


class StatsFeed:
    """Passes measurements to subscribers; one in each process. A round of measurements costs one statement for all of them."""

    def __init__(self, database: Database, wakeups: WakeSource, settings: StreamSettings | None = None) -> None:
        self._database = database
        self._wakeups = wakeups
        self._subscriptions: dict[str, set[StatsSubscription]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None
        settings = settings or StreamSettings()
        backoff = Backoff(settings.retry_seconds, settings.max_retry_seconds)
        self._loop = BackgroundLoop(
            "stats feed", self._read_and_publish, failure="Measurements could not be read for subscribers", backoff=backoff
        )

    async def start(self) -> None:
        self._unsubscribe = self._wakeups.subscribe(self._on_wake)
        self._loop.start()

    async def close(self) -> None:
        """Ends all subscriptions. The feed does not use the database afterwards."""
        self._unsubscribe()
        for subscription in [subscription for subscriptions in self._subscriptions.values() for subscription in subscriptions]:
            subscription.end()
        await self._loop.stop()

    @property
    def watched(self) -> frozenset[str]:
        """The ids of the Studios that have subscribers."""
        return frozenset(self._subscriptions)

    @property
    def is_woken(self) -> bool:
        """Whether a read is due that has not begun."""
        return self._loop.is_woken

    @asynccontextmanager
    async def subscribe(self, studio_id: str) -> AsyncIterator[StatsSubscription]:
        """Returns a subscription to the Studio's measurements, session after session. The caller checks permissions."""
        subscription = StatsSubscription()
        self._subscriptions.setdefault(studio_id, set()).add(subscription)
        self._loop.wake()
        try:
            yield subscription
        finally:
            self._subscriptions[studio_id].discard(subscription)
            if not self._subscriptions[studio_id]:
                del self._subscriptions[studio_id]

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic in ("stats", "lost"):
            self._loop.wake()

    async def _read_and_publish(self) -> None:
        if self._subscriptions:
            await self._publish(await self._read())

    async def _read(self) -> dict[str, SessionStatsRow]:
        async with self._database.read(reserved=True) as reader:
            return await stats.of_studios(reader, sorted(self._subscriptions))

    async def _publish(self, rows: dict[str, SessionStatsRow]) -> None:
        for studio_id, row in rows.items():
            for subscription in self._subscriptions.get(studio_id, ()):
                subscription.offer(row)
            await asyncio.sleep(0)
