"""Runs a log follower for every session that has resources, or has ended with output that is not stored completely (B84)."""

import asyncio

from services.controller.controller_services import ControllerServices
from services.controller.logs.log_follower import FloodRateLimiter, LogFollower
from services.controller.logs.log_writer import LogWriter
from services.runtime.background_loop import BackgroundLoop
from services.store import output_sources
from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource

POLL_SECONDS = 5.0
"""The longest time between two listings: a lost wake-up is noticed after it."""
MIN_POLL_INTERVAL_SECONDS = 0.1
"""The shortest time between two listings, so that many Studios that change at once cause one."""


class LogCollector:
    """Starts and stops log followers; one in each controller. State is in the database, so another controller continues after a crash."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._writer = LogWriter(services.database)
        self._rate_limiter = FloodRateLimiter()
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop(
            "log collector",
            self._reconcile,
            failure="The sessions that print could not be listed",
            min_pause_seconds=MIN_POLL_INTERVAL_SECONDS,
        )

    async def start(self) -> None:
        self._unsubscribe = self._wakes.subscribe(self._on_wake)
        self._loop.start()
        self._writer.start()

    async def close(self) -> None:
        """Stops all followers. Output read but not stored is read again by the next controller."""
        self._unsubscribe()
        await self._loop.stop()
        tasks = list(self._followers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._writer.close(), *tasks, return_exceptions=True)

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic in ("studio", "lost"):
            self._loop.wake()

    async def _reconcile(self) -> float:
        async with self._services.database.read() as reader:
            sources = await output_sources.list_open(reader, self._services.computes.verified)
        for source in sources:
            if source.session_id not in self._followers:
                self._start_follower(source.session_id)
        return POLL_SECONDS

    def _start_follower(self, session_id: str) -> None:
        follower = LogFollower(self._services, session_id, self._writer, self._rate_limiter)
        task = asyncio.create_task(follower.run(), name=f"output of session {session_id}")
        self._followers[session_id] = task
        task.add_done_callback(lambda _: self._followers.pop(session_id))
