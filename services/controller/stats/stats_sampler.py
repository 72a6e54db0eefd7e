"""Measures what running sessions use, again and again (B85)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from time import monotonic

from services.compute.protocol import ComputeFailed, Usage
from services.controller.controller_services import ControllerServices
from services.controller.stats import stats_collection
from services.domain.session_name import SessionName
from services.runtime.background_loop import BackgroundLoop
from services.store import stats
from services.store.db.database import DatabaseUnavailable, clock
from services.store.stats import Measurement, RunningSession

EVERY_SECONDS = 5.0
SOON_SECONDS = 1.0
"""When a session was measured for the first time: it shows from the second time on."""
FRESH = timedelta(seconds=3)
"""Another controller that measured it less than so long ago goes on with it. Our own is older: a round takes less than two seconds."""
ROUND_SECONDS = 2.0
"""So long one environment waits for the others, before what is there is written; it goes on meanwhile."""
SHORTEST, LATEST = 0.5, 60.0
"""Seconds between two measurements that can be compared: counters have steps of hundredths, and long ago says nothing of now."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What was used up to a moment of this process's monotonic clock, in seconds."""

    at: float
    usage: Usage


class StatsSampler:
    """Every few seconds it begins with each environment that is not at it still, and writes what there is in one transaction.

    `cpu` is the average since the measurement before, so a session's first one is only kept in mind, and followed by the next one soon.
    """

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._before: dict[str, Counted] = {}
        self._new: dict[str, tuple[float, Counted]] = {}
        self._first = False
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop("stats sampler", self._run, failure="The use of resources by sessions could not be measured")

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        await self._loop.stop()
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> float:
        began = monotonic()
        interval = SOON_SECONDS if await self.sample() else EVERY_SECONDS
        return max(began + interval - monotonic(), 0)

    async def sample(self) -> bool:
        """One round; True if some were measured for the first time. Who was measured just now is not asked again."""
        async with self._services.database.read() as reader:
            running, now = await stats.running(reader), await clock(reader.connection)
            old = await stats.is_old(reader)
        self._forget(running)
        due = [session for session in running if session.measured_at is None or now - session.measured_at >= FRESH]
        for environment_id, sessions in groupby(sorted(due, key=_environment), _environment):
            self._begin(environment_id, list(sessions))
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=ROUND_SECONDS)
        await self._write(old)
        first, self._first = self._first, False
        return first

    def _forget(self, running: Sequence[RunningSession]) -> None:
        ids = {session.id for session in running}
        self._before = {key: counted for key, counted in self._before.items() if key in ids}
        self._new = {key: found for key, found in self._new.items() if key in ids}
        self._at_work = {key: task for key, task in self._at_work.items() if not task.done()}

    def _begin(self, environment_id: str, sessions: list[RunningSession]) -> None:
        if environment_id not in self._at_work:
            task = asyncio.create_task(self._measure(environment_id, sessions), name=f"measure in {environment_id}")
            self._at_work[environment_id] = task

    async def _measure(self, environment_id: str, sessions: list[RunningSession]) -> None:
        try:
            compute = await self._services.computes.get(environment_id)
        except (ComputeFailed, DatabaseUnavailable):
            return  # told elsewhere

        async def ask(session: RunningSession) -> Usage | None:
            return await compute.stats(SessionName(self._services.installation, session.studio_id, session.public_id, session.number))

        await stats_collection.measure(sessions, ask, self._take)

    def _take(self, session: RunningSession, usage: Usage) -> None:
        """Counters that have gone back are others: an engine that was set up anew."""
        found, before = Counted(monotonic(), usage), self._before.get(session.id)
        seconds = found.at - before.at if before else LATEST
        if seconds < SHORTEST:
            return
        self._before[session.id] = found
        if before is None or seconds >= LATEST or usage.cpu_seconds < before.usage.cpu_seconds:
            self._first = True
        else:
            self._new[session.id] = ((usage.cpu_seconds - before.usage.cpu_seconds) / seconds, found)

    async def _write(self, old: bool) -> None:
        new, self._new = self._new, {}
        if not new and not old:
            return
        async with self._services.database.write(durable=False) as transaction:
            if new:
                now = monotonic()
                await stats.write(transaction, [_row(key, *found, transaction.now, now) for key, found in new.items()])
            if old:
                await stats.forget_ended(transaction)


def _environment(session: RunningSession) -> str:
    return session.compute_environment_id


def _row(session_id: str, cpu: float, found: Counted, at: datetime, now: float) -> Measurement:
    """`at` is the database's time at our time `now`."""
    usage = found.usage
    return Measurement(
        session_id=session_id,
        at=at - timedelta(seconds=now - found.at),
        cpu=cpu,
        memory_bytes=usage.memory_bytes,
        memory_limit_bytes=usage.memory_limit_bytes,
        network_received_bytes=usage.network_received_bytes,
        network_sent_bytes=usage.network_sent_bytes,
        processes=usage.processes,
    )
