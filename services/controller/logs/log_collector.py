"""Collects what sessions print into the store: all that hold resources, and those that have ended and are not collected yet (B84)."""

import asyncio
import contextlib
import logging

from services.controller.controller_services import ControllerServices
from services.controller.logs.log_follower import LogFollower, Pace
from services.controller.logs.log_writer import LogWriter
from services.store import output_sources
from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource

log = logging.getLogger(__name__)

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
        self._asked = asyncio.Event()
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._unsubscribe = self._wakes.subscribe(self._woken)
        self._tasks = [
            asyncio.create_task(self._run(), name="collector"),
            asyncio.create_task(self._writer.run(), name="writer of output"),
        ]

    async def close(self) -> None:
        """What was read and is not stored yet is read again by the next one."""
        self._unsubscribe()
        tasks = [*self._tasks, *self._listening.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _woken(self, wake: Wake) -> None:
        if wake.topic in ("studio", "lost"):
            self._asked.set()

    async def _run(self) -> None:
        while True:
            try:
                self._asked.clear()
                await self._look()
            except Exception:
                log.exception("The sessions that print could not be looked for; it is tried again")
            await asyncio.sleep(AT_LEAST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._asked.wait()

    async def _look(self) -> None:
        async with self._services.database.read() as reader:
            there = await output_sources.all_there_are(reader)
        for found in there:
            if found.session_id not in self._listening:
                self._listen(found.session_id)

    def _listen(self, session_id: str) -> None:
        listening = LogFollower(self._services, session_id, self._writer, self._pace)
        task = asyncio.create_task(listening.run(), name=f"output of session {session_id}")
        self._listening[session_id] = task
        task.add_done_callback(lambda _: self._listening.pop(session_id))
