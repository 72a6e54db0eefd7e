"""Collects what sessions print into the store: all that hold resources, and those that have ended and are not collected yet (B84)."""

import asyncio

from services.controller.controller_services import ControllerServices
from services.controller.logs.log_follower import LogFollower, Pace
from services.controller.logs.log_writer import LogWriter
from services.runtime.background_loop import BackgroundLoop
from services.store import output_sources
from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource

POLL_SECONDS = 5.0
AT_LEAST_SECONDS = 0.1
"""Between two looks: many Studios that change at once are one reason to look."""


class LogCollector:
    """Listens to each of them. Which, and from where on, is in the database: another one goes on after a crash."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._writer = LogWriter(services.database)
        self._pace = Pace()
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop(
            "log collector", self._look, failure="The sessions that print could not be listed", min_pause_seconds=AT_LEAST_SECONDS
        )

    async def start(self) -> None:
        self._unsubscribe = self._wakes.subscribe(self._woken)
        self._loop.start()
        self._writer.start()

    async def close(self) -> None:
        """What was read and is not stored yet is read again by the next one."""
        self._unsubscribe()
        await self._loop.stop()
        tasks = list(self._listening.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._writer.close(), *tasks, return_exceptions=True)

    def _woken(self, wake: Wake) -> None:
        if wake.topic in ("studio", "lost"):
            self._loop.wake()

    async def _look(self) -> float:
        async with self._services.database.read() as reader:
            there = await output_sources.all_there_are(reader)
        for found in there:
            if found.session_id not in self._listening:
                self._listen(found.session_id)
        return POLL_SECONDS

    def _listen(self, session_id: str) -> None:
        listening = LogFollower(self._services, session_id, self._writer, self._pace)
        task = asyncio.create_task(listening.run(), name=f"output of session {session_id}")
        self._listening[session_id] = task
        task.add_done_callback(lambda _: self._listening.pop(session_id))
