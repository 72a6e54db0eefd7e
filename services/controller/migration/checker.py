"""Checks the sessions of migrated Studios once their tools answer (B74)."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import monotonic

from services.compute.protocol import ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.controller.migration.check import check_attempt
from services.runtime.background_loop import BackgroundLoop
from services.store import migration_attempts
from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource
from services.store.migration_attempts import AttemptState

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
"""The longest time between two looks for sessions to check: a lost wake-up is noticed after it."""
RETRY_SECONDS = 30.0
"""How long a session is left alone after its compute environment did not answer."""
MAX_CONCURRENT_CHECKS = 4


class MigrationChecker:
    """Checks a few sessions at a time. Several checkers may check the same one: the first to end records its result."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._retry_at: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop("migration checker", self._run, failure="The sessions of migrated Studios could not be looked for")
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        self._unsubscribe = self._wakes.subscribe(self._on_wake)
        self._loop.start()

    async def close(self) -> None:
        """Stops; what is being checked is checked again by the next controller."""
        self._unsubscribe()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._loop.stop(), *tasks, return_exceptions=True)

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic in ("studio", "lost"):
            self._loop.wake()

    async def _run(self) -> float:
        self._retry_at = {id_: at for id_, at in self._retry_at.items() if at > monotonic()}
        async with self._services.database.read() as reader:
            found = await migration_attempts.to_check(reader, self._services.computes.verified, MAX_CONCURRENT_CHECKS * 4)
        for attempt in found:
            if attempt.id not in self._retry_at and attempt.id not in self._running and len(self._running) < MAX_CONCURRENT_CHECKS:
                task = asyncio.create_task(self._check(attempt), name=f"check of migration {attempt.id}")
                self._running[attempt.id] = task
                task.add_done_callback(partial(self._on_done, attempt.id))
        return PAUSE_SECONDS

    def _on_done(self, attempt_id: str, _task: asyncio.Task[None]) -> None:
        del self._running[attempt_id]
        self._loop.wake()

    async def _check(self, attempt: AttemptState) -> None:
        try:
            await check_attempt(self._services, attempt)
        except ComputeUnknown as error:
            self._retry_at[attempt.id] = monotonic() + RETRY_SECONDS
            logger.warning("The migration to Studio %s could not be checked: %s", attempt.studio_name, describe_error(error))
        except Exception:
            self._retry_at[attempt.id] = monotonic() + RETRY_SECONDS
            logger.exception("The migration to Studio %s could not be checked", attempt.studio_name)
