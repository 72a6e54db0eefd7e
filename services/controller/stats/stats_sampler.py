"""Measures the CPU, memory and network use of running sessions every SAMPLE_INTERVAL_SECONDS, and stores it (B85)."""

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
from services.store import compute_environments, stats
from services.store.compute_environments import EnvironmentState
from services.store.db.database import clock
from services.store.stats import Measurement, RunningSession

SAMPLE_INTERVAL_SECONDS = 5.0
"""The time from one round of measurements to the next."""
SECOND_SAMPLE_SECONDS = 1.0
"""The same after a session's first measurement: its CPU use is known from the second one on."""
MIN_SAMPLE_AGE = timedelta(seconds=3)
"""A session measured more recently is left to the controller that did it. Our own samples are older: a round takes two seconds at most."""
ROUND_TIMEOUT_SECONDS = 2.0
"""How long a round waits for slow compute environments before it stores what the others answered; they continue meanwhile."""
MIN_SPAN_SECONDS, MAX_SPAN_SECONDS = 0.5, 60.0
"""The time between two readings of a CPU counter that can be compared: counters have steps of 10 ms, and old readings say little."""


@dataclass(frozen=True, slots=True)
class UsageReading:
    """A reading of a session's usage counters, and when it was made, in seconds of this process's monotonic clock."""

    at: float
    usage: Usage


class StatsSampler:
    """Measures all compute environments at the same time, and stores a round of measurements in one transaction.

    `cpu` is the average since the previous reading. So a session's first reading is only remembered, and the next round follows soon.
    """

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._previous: dict[str, UsageReading] = {}
        self._measured: dict[str, tuple[float, UsageReading]] = {}
        self._has_first_readings = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop("stats sampler", self._run, failure="The use of resources by sessions could not be measured")

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        await self._loop.stop()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> float:
        began = monotonic()
        interval = SECOND_SAMPLE_SECONDS if await self.sample() else SAMPLE_INTERVAL_SECONDS
        return max(began + interval - monotonic(), 0)

    async def sample(self) -> bool:
        """Runs one round. Returns True if a session was read for the first time. Sessions measured just now are left out."""
        async with self._services.database.read() as reader:
            running, now = await stats.running(reader), await clock(reader.connection)
            has_outdated = await stats.has_outdated(reader)
            environments = {row.id: row for row in await compute_environments.in_use(reader)} if running else {}
        self._forget(running)
        due = [session for session in running if session.measured_at is None or now - session.measured_at >= MIN_SAMPLE_AGE]
        for environment_id, sessions in groupby(sorted(due, key=_environment), _environment):
            self._start_measuring(environments[environment_id], list(sessions))
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=ROUND_TIMEOUT_SECONDS)
        await self._write(has_outdated)
        has_first_readings, self._has_first_readings = self._has_first_readings, False
        return has_first_readings

    def _forget(self, running: Sequence[RunningSession]) -> None:
        ids = {session.id for session in running}
        self._previous = {key: reading for key, reading in self._previous.items() if key in ids}
        self._measured = {key: reading for key, reading in self._measured.items() if key in ids}
        self._tasks = {key: task for key, task in self._tasks.items() if not task.done()}

    def _start_measuring(self, environment: EnvironmentState, sessions: list[RunningSession]) -> None:
        if environment.id not in self._tasks:
            task = asyncio.create_task(self._measure(environment, sessions), name=f"measure in {environment.id}")
            self._tasks[environment.id] = task

    async def _measure(self, environment: EnvironmentState, sessions: list[RunningSession]) -> None:
        try:
            compute = self._services.computes.of(environment)
        except ComputeFailed:
            return  # reported by the check of the compute environment

        async def read_usage(session: RunningSession) -> Usage | None:
            return await compute.stats(SessionName(self._services.installation, session.studio_id, session.public_id, session.number))

        await stats_collection.measure(sessions, read_usage, self._record)

    def _record(self, session: RunningSession, usage: Usage) -> None:
        """Records a reading. A CPU counter lower than before was reset, so the reading counts as a first one."""
        reading, previous = UsageReading(monotonic(), usage), self._previous.get(session.id)
        seconds = reading.at - previous.at if previous else MAX_SPAN_SECONDS
        if seconds < MIN_SPAN_SECONDS:
            return
        self._previous[session.id] = reading
        if previous is None or seconds >= MAX_SPAN_SECONDS or usage.cpu_seconds < previous.usage.cpu_seconds:
            self._has_first_readings = True
        else:
            self._measured[session.id] = ((usage.cpu_seconds - previous.usage.cpu_seconds) / seconds, reading)

    async def _write(self, has_outdated: bool) -> None:
        measured, self._measured = self._measured, {}
        if not measured and not has_outdated:
            return
        async with self._services.database.write(durable=False) as transaction:
            if measured:
                now = monotonic()
                await stats.write(transaction, [_row(key, *reading, transaction.now, now) for key, reading in measured.items()])
            if has_outdated:
                await stats.remove_outdated(transaction)


def _environment(session: RunningSession) -> str:
    return session.compute_environment_id


def _row(session_id: str, cpu: float, reading: UsageReading, at: datetime, now: float) -> Measurement:
    """Returns the row to store. `at` is the database's time at the monotonic time `now`."""
    usage = reading.usage
    return Measurement(
        session_id=session_id,
        at=at - timedelta(seconds=now - reading.at),
        cpu=cpu,
        memory_bytes=usage.memory_bytes,
        memory_limit_bytes=usage.memory_limit_bytes,
        network_received_bytes=usage.network_received_bytes,
        network_sent_bytes=usage.network_sent_bytes,
        processes=usage.processes,
    )
