"""Claims Studios that are due and works on them in parallel; commits and compute environments wake it."""

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
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import leases, sessions
from services.store.db.database import DatabaseUnavailable, Wake, clock
from services.store.db.wakeups import WakeSource
from services.store.leases import Exclusions, Lease

log = logging.getLogger(__name__)

PARALLEL = 256
PER_ENVIRONMENT = PARALLEL * 3 // 4
"""One compute environment whose calls hang must leave room for the others."""
AT_ONCE = PARALLEL // 8
"""Claimed in one go; the rest right afterwards."""
POLL_SECONDS = 5.0
"""A slow look in any case: a lost wake-up must not matter."""
BUG_BACKOFF_S = 5.0
"""How long a Studio rests after a step that failed with an unexpected error."""
GOODBYE_SECONDS = 3.0
"""For giving leases back at the end; those that are not given back end by themselves."""

STEPS: dict[StudioStatus, Callable[[ClaimedStudio], Awaitable[datetime | None]]] = {
    StudioStatus.BUILDING: build.advance,
    StudioStatus.STARTING: start.advance,
    StudioStatus.RUNNING: run.advance,
    StudioStatus.STOPPING: stop.advance,
}


class Controller:
    """Works on every Studio that is due, until closed. Its work survives it: another one goes on after a crash."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._owner = new_id()
        self._at_work: dict[str, tuple[asyncio.Task[datetime | None], Lease]] = {}
        self._releases: set[asyncio.Task[None]] = set()
        self._loop = BackgroundLoop("controller", self._look, failure="The controller could not look for work")
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin. On SQLite there is one process, so whoever held a lease is dead."""
        if self._services.database.dialect == "sqlite":
            async with self._services.database.write(durable=False) as transaction:
                await leases.release_all(transaction)
        self._unsubscribe = self._wakes.subscribe(self._woken)
        self._loop.start()

    async def close(self) -> None:
        """Stop claiming, leave what is at work to whoever comes next."""
        self._unsubscribe()
        tasks = [task for task, _ in self._at_work.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._loop.stop(), *tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await asyncio.gather(*self._releases)
                async with self._services.database.write(durable=False) as transaction:
                    await leases.release_owned(transaction, self._owner)
                    transaction.wake("studio", "")
        except (TimeoutError, DatabaseUnavailable):
            log.warning("The leases could not be given back; they end by themselves")

    def _woken(self, wake: Wake) -> None:
        """A command or an observation asks for a look. ClaimedStudio on a running session (a save) gives way to it."""
        if wake.topic not in ("studio", "lost"):
            return
        task, lease = self._at_work.get(wake.key, (None, None))
        if task is not None and lease is not None and lease.studio.status is StudioStatus.RUNNING:
            task.cancel()
        self._loop.wake()

    async def _look(self) -> float:
        for lease in await self._claim():
            self._begin(lease)
        return await self._pause_seconds()

    async def _claim(self) -> list[Lease]:
        free = PARALLEL - len(self._at_work)
        if free <= 0:
            return []
        async with self._services.database.write(durable=False) as transaction:
            return await leases.claim(transaction, self._owner, self._services.policy.lease, min(free, AT_ONCE), self._exclusions())

    def _exclusions(self) -> Exclusions:
        """What we are at ourselves is never claimed a second time, even if its lease has run out: after an outage we renew it."""
        counts = Counter(lease.studio.compute_environment_id or "" for _, lease in self._at_work.values())
        return Exclusions(tuple(self._at_work), tuple(e for e, count in counts.items() if count >= PER_ENVIRONMENT))

    async def _pause_seconds(self) -> float:
        """Returns the seconds until the next Studio is due, at most POLL_SECONDS."""
        async with self._services.database.read() as reader:
            due, now = await leases.next_due(reader, self._exclusions()), await clock(reader.connection)
        if due is None or len(self._at_work) >= PARALLEL:
            return POLL_SECONDS
        return min(max((due - now).total_seconds(), 0.02), POLL_SECONDS)

    def _begin(self, lease: Lease) -> None:
        task = asyncio.create_task(self._work(lease), name=f"studio {lease.studio.public_id}")
        self._at_work[lease.studio.id] = (task, lease)
        task.add_done_callback(partial(self._ended, lease))

    def _ended(self, lease: Lease, task: asyncio.Task[datetime | None]) -> None:
        """Whatever happened, even if it was cancelled before it began: the lease is given back. Cancelled = look at once."""
        del self._at_work[lease.studio.id]
        next_look = lease.claimed_at if task.cancelled() else task.result()
        release = asyncio.create_task(self._release(lease, next_look))
        self._releases.add(release)
        release.add_done_callback(self._releases.discard)

    async def _work(self, lease: Lease) -> datetime | None:
        """One step under the lease. Returns when to look again."""
        try:
            return await self._step(lease)
        except LeaseLost:
            return lease.claimed_at
        except Exception:
            log.exception("A step on Studio %s failed", lease.studio.id)
            await asyncio.sleep(BUG_BACKOFF_S)
            return lease.claimed_at

    async def _step(self, lease: Lease) -> datetime | None:
        step = STEPS.get(lease.studio.status)
        async with self._services.database.read() as reader:
            session = await sessions.find(reader, lease.studio.id, lease.studio.session_number)
        if step is None or session is None:
            return None
        seconds = self._services.policy.lease.total_seconds() / 3
        renew = partial(self._renew, lease, self._at_work[lease.studio.id][0], seconds)
        renewal = BackgroundLoop("lease renewal", renew, failure="A lease could not be renewed", backoff=Backoff(seconds, seconds))
        renewal.start(delay_seconds=seconds)
        try:
            return await step(ClaimedStudio(self._services, lease, session))
        finally:
            renewal.cancel()

    async def _renew(self, lease: Lease, step: asyncio.Task[datetime | None], pause_seconds: float) -> float | None:
        """Holds the lease while the step goes on; cancels the step if another controller has the Studio now."""
        async with self._services.database.write(durable=False) as transaction:
            if await leases.renew(transaction, lease, self._services.policy.lease):
                return pause_seconds
        step.cancel()
        return None

    async def _release(self, lease: Lease, next_look: datetime | None) -> None:
        try:
            async with self._services.database.write(durable=False) as transaction:
                await leases.release(transaction, lease, next_look)
        except Exception:
            log.exception("A lease could not be given back; it ends by itself")
        self._loop.wake()
