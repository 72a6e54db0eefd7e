"""The controller's reconcile loop: leases Studios that are due and runs a step for each; commits and observations wake it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from services.controller.controller_services import ControllerServices
from services.controller.lifecycle import build, run, start, stop
from services.controller.lifecycle.claimed_studio import ClaimedStudio, LeaseLost
from services.domain.ids import new_id
from services.domain.statuses import StudioStatus
from services.runtime import metrics
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import leases, sessions
from services.store.db.database import DatabaseUnavailable, Wake, clock
from services.store.db.wakeups import WakeSource
from services.store.leases import Exclusions, Lease

logger = logging.getLogger(__name__)

MAX_CONCURRENT_STEPS = 256
"""Studios that one process works on at the same time."""
MAX_CONCURRENT_STEPS_PER_ENVIRONMENT = MAX_CONCURRENT_STEPS * 3 // 4
"""The same for each compute environment: one whose calls hang must leave capacity for the others."""
MAX_CONCURRENT_STEPS_PER_SILENT_ENVIRONMENT = 4
"""The same for one whose engine is known not to answer: its steps only say so, and more of them would wait under leases to be renewed."""
MAX_CLAIMED_AT_ONCE = MAX_CONCURRENT_STEPS // 8
"""Studios leased in one transaction; more follow in the next one."""
POLL_SECONDS = 5.0
"""The longest time between two looks for due Studios: a lost wake-up is noticed after it."""
BUG_BACKOFF_S = 5.0
"""Seconds until a Studio's next step after one that failed with an unexpected error."""
OUTAGE_BACKOFF_S = 1.0
"""The same after a step that ended because the database did not answer."""
CLOSE_TIMEOUT_S = 3.0
"""Seconds for releasing leases at shutdown; leases that are not released expire by themselves."""

STEPS: dict[StudioStatus, Callable[[ClaimedStudio], Awaitable[datetime | None]]] = {
    StudioStatus.BUILDING: build.advance,
    StudioStatus.STARTING: start.advance,
    StudioStatus.RUNNING: run.advance,
    StudioStatus.STOPPING: stop.advance,
}


class Controller:
    """Runs steps for all Studios that are due. All state is in the database, so another controller continues after a crash."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._owner = new_id()
        self._active: dict[str, tuple[asyncio.Task[datetime | None], Lease]] = {}
        self._releases: set[asyncio.Task[None]] = set()
        self._loop = BackgroundLoop("controller", self._reconcile, failure="Studios that are due could not be claimed")
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def active_studios(self) -> frozenset[str]:
        """The ids of the Studios that this controller works on at this moment."""
        return frozenset(self._active)

    async def start(self) -> None:
        """Starts claiming. On SQLite there is only one process, so all leases belong to a dead one, and are released."""
        if self._services.database.dialect == "sqlite":
            async with self._services.database.write(durable=False, reserved=True) as transaction:
                await leases.release_all(transaction)
        self._unsubscribe = self._wakes.subscribe(self._on_wake)
        self._loop.start()

    async def close(self) -> None:
        """Stops claiming, cancels the steps in progress and releases their leases to other controllers."""
        self._unsubscribe()
        tasks = [task for task, _ in self._active.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._loop.stop(), *tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.gather(*self._releases)
                async with self._services.database.write(durable=False, reserved=True) as transaction:
                    await leases.release_owned(transaction, self._owner)
                    transaction.wake("studio", "")
        except (TimeoutError, DatabaseUnavailable):
            logger.warning("The leases of Studios could not be released; they expire by themselves")

    def _on_wake(self, wake: Wake) -> None:
        """Reacts to a command or an observation. A step on a RUNNING Studio (a save) is cancelled in favour of it."""
        if wake.topic not in ("studio", "lost"):
            return
        task, lease = self._active.get(wake.key, (None, None))
        if task is not None and lease is not None and lease.studio.status is StudioStatus.RUNNING:
            task.cancel()
        self._loop.wake()

    async def _reconcile(self) -> float:
        for lease in await self._claim():
            self._start_step(lease)
        return await self._pause_seconds()

    async def _claim(self) -> list[Lease]:
        free = MAX_CONCURRENT_STEPS - len(self._active)
        if free <= 0:
            return []
        async with self._services.database.write(durable=False, reserved=True) as transaction:
            return await leases.claim(
                transaction, self._owner, self._services.policy.lease_duration, min(free, MAX_CLAIMED_AT_ONCE), self._exclusions()
            )

    def _exclusions(self) -> Exclusions:
        """Returns what not to claim: Studios with a step in progress, even if the lease expired in an outage, and full environments.

        Only verified environments are claimed from: a controller that reaches another engine would not find their sessions there.
        """
        counts = Counter(lease.studio.compute_environment_id or "" for _, lease in self._active.values())
        full = tuple(e for e, count in counts.items() if count >= self._max_steps(e))
        return Exclusions(tuple(self._active), full, self._services.computes.verified, self._services.computes.silent)

    def _max_steps(self, environment_id: str) -> int:
        is_silent = self._services.computes.is_silent(environment_id)
        return MAX_CONCURRENT_STEPS_PER_SILENT_ENVIRONMENT if is_silent else MAX_CONCURRENT_STEPS_PER_ENVIRONMENT

    async def _pause_seconds(self) -> float:
        """Returns the seconds until the next Studio is due, at most POLL_SECONDS."""
        async with self._services.database.read(reserved=True) as reader:
            due, now = await leases.next_due(reader, self._exclusions()), await clock(reader.connection)
        if due is None or len(self._active) >= MAX_CONCURRENT_STEPS:
            return POLL_SECONDS
        return min(max((due - now).total_seconds(), 0.02), POLL_SECONDS)

    def _start_step(self, lease: Lease) -> None:
        task = asyncio.create_task(self._run_step(lease), name=f"studio {lease.studio.public_id}")
        self._active[lease.studio.id] = (task, lease)
        task.add_done_callback(partial(self._on_step_done, lease))

    def _on_step_done(self, lease: Lease, task: asyncio.Task[datetime | None]) -> None:
        """Releases the lease after a step, even one cancelled before it began. A cancelled step makes the Studio due at once."""
        del self._active[lease.studio.id]
        due_at = lease.claimed_at if task.cancelled() else task.result()
        release = asyncio.create_task(self._release(lease, due_at))
        self._releases.add(release)
        release.add_done_callback(self._releases.discard)

    async def _run_step(self, lease: Lease) -> datetime | None:
        """Runs one step under the lease. Returns when the Studio is due again, None if only a wake-up makes it due."""
        outcome = "cancelled"
        try:
            with metrics.STEPS_RUNNING.track_inprogress():
                due_at = await self._step(lease)
            outcome = "ok"
            return due_at
        except LeaseLost:
            outcome = "lease_lost"
            metrics.LEASE_LOSSES.labels("studio").inc()
            return lease.claimed_at
        except DatabaseUnavailable:
            logger.warning("A step on Studio %s is run again", lease.studio.id, exc_info=True)
            await asyncio.sleep(OUTAGE_BACKOFF_S)
            return lease.claimed_at
        except Exception:
            outcome = "error"
            logger.exception("A step on Studio %s failed", lease.studio.id)
            await asyncio.sleep(BUG_BACKOFF_S)
            return lease.claimed_at
        finally:
            metrics.STEPS.labels(lease.studio.status.value, outcome).inc()

    async def _step(self, lease: Lease) -> datetime | None:
        step = STEPS.get(lease.studio.status)
        async with self._services.database.read() as reader:
            session = await sessions.find(reader, lease.studio.id, lease.studio.session_number)
        if step is None or session is None:
            return None
        claim = ClaimedStudio(self._services, lease, session)
        if claim.is_reported_silent:
            return claim.retry_at(claim.now)
        seconds = self._services.policy.lease_duration.total_seconds() / 3
        renew = partial(self._renew, lease, self._active[lease.studio.id][0], seconds)
        renewal = BackgroundLoop("lease renewal", renew, failure="A lease could not be renewed", backoff=Backoff(seconds, seconds))
        renewal.start(delay_seconds=seconds)
        try:
            return await step(claim)
        finally:
            renewal.cancel()

    async def _renew(self, lease: Lease, step: asyncio.Task[datetime | None], pause_seconds: float) -> float | None:
        """Renews the lease while the step runs. Cancels the step if another controller holds the Studio now."""
        async with self._services.database.write(durable=False, reserved=True) as transaction:
            if await leases.renew(transaction, lease, self._services.policy.lease_duration):
                return pause_seconds
        metrics.LEASE_LOSSES.labels("studio").inc()
        step.cancel()
        return None

    async def _release(self, lease: Lease, due_at: datetime | None) -> None:
        try:
            async with self._services.database.write(durable=False, reserved=True) as transaction:
                await leases.release(transaction, lease, due_at)
        except Exception:
            logger.exception("The lease of a Studio could not be released; it expires by itself")
        self._loop.wake()
