"""Carries out clean-up tasks: removes the resources of ended sessions, and checkpoints that nothing refers to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.runtime.background_loop import BackgroundLoop
from services.store import cleanup_tasks
from services.store.cleanup_tasks import CheckpointCleanup, SessionCleanup
from services.store.db.database import DatabaseUnavailable, clock

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""The pause before the next look for tasks that are due."""
MAX_CONCURRENT_REMOVALS = 20
"""Of sessions, and as many of checkpoints, in one compute environment."""
REMOVAL_TIMEOUT_SECONDS = 120.0
"""After so long one removal counts as failed, and is tried again later."""
CLOSE_TIMEOUT_S = 3.0
"""Seconds for a last round of removals when the server stops."""


class ResourceCleaner:
    """Runs clean-up tasks, and retries them with growing pauses until they succeed. Removal is idempotent, so several cleaners may run."""

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop("resource cleaner", self._run, failure="The resources to remove could not be listed")

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        """Stops after a last round, so that a server that stops leaves nothing behind that it could have removed at once."""
        if not self._loop.is_running:
            return
        await self._loop.stop()
        with suppress(TimeoutError, DatabaseUnavailable):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.clean()
        rounds = list(self._rounds.values())
        for task in rounds:
            task.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)

    async def clean(self) -> None:
        """Carries out the tasks that are due, and returns when all are done."""
        await self._run()
        await asyncio.gather(*self._rounds.values())

    async def _run(self) -> float:
        """Starts a round in each compute environment that has none in progress: a slow one holds up no other."""
        free = self._services.computes.verified - self._rounds.keys()
        async with self._services.database.read() as reader:
            now = await clock(reader.connection)
            due = await cleanup_tasks.environments_with_due_tasks(reader, now, free)
        for environment_id in due:
            task = self._rounds[environment_id] = asyncio.create_task(self._round(environment_id), name=f"removals in {environment_id}")
            task.add_done_callback(partial(self._on_round_done, environment_id))
        return POLL_SECONDS

    def _on_round_done(self, environment_id: str, task: asyncio.Task[None]) -> None:
        del self._rounds[environment_id]
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, DatabaseUnavailable):
            logger.error("The removals in a compute environment failed; they are tried again", exc_info=error)

    async def _round(self, environment_id: str) -> None:
        """Works off what is due in one compute environment."""
        while True:
            async with self._services.database.read() as reader:
                now = await clock(reader.connection)
                here, limit = [environment_id], MAX_CONCURRENT_REMOVALS
                sessions = await cleanup_tasks.due_sessions(reader, self._services.installation, now, here, limit)
                checkpoints = await cleanup_tasks.due_checkpoints(reader, now, here, limit)
            if not sessions and not checkpoints:
                return
            await asyncio.gather(*map(self._remove_session, sessions), *map(self._remove_checkpoint, checkpoints))

    async def _remove_session(self, task: SessionCleanup) -> None:
        async def remove() -> None:
            await (await self._services.computes.get(task.compute_environment_id)).remove(task.session)

        await self._finish(task, await _removal_failure(remove))

    async def _remove_checkpoint(self, task: CheckpointCleanup) -> None:
        async with self._services.database.write() as transaction:
            if not await cleanup_tasks.begin_removal(transaction, task):
                return

        async def remove() -> None:
            await (await self._services.computes.get(task.compute_environment_id)).remove_checkpoint(task.reference)

        await self._finish(task, await _removal_failure(remove))

    async def _finish(self, task: SessionCleanup | CheckpointCleanup, failure: str | None) -> None:
        async with self._services.database.write() as transaction:
            if failure is not None:
                await cleanup_tasks.retry_later(transaction, task, failure)
                return
            await cleanup_tasks.complete(transaction, task)
            if isinstance(task, SessionCleanup):
                transaction.wake("studio", task.session.studio_id)


async def _removal_failure(remove: Callable[[], Awaitable[None]]) -> str | None:
    """Calls `remove` and returns None, or the text of its error: one failed removal must not stop the others."""
    try:
        async with asyncio.timeout(REMOVAL_TIMEOUT_SECONDS):
            await remove()
    except (ComputeUnknown, ComputeFailed) as error:
        return describe_error(error)
    except TimeoutError:
        return "The removal took too long."
    except DatabaseUnavailable:
        raise
    except Exception as error:
        logger.exception("A removal failed")
        return describe_error(error)
    return None
