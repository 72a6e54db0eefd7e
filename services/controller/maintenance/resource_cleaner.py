"""Carries out clean-up tasks: removes the resources of ended sessions, and checkpoints that nothing refers to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

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
"""Of sessions, and as many of checkpoints, in one process."""
REMOVAL_TIMEOUT_SECONDS = 120.0
"""After so long one removal counts as failed, and is tried again later."""
CLOSE_TIMEOUT_S = 3.0
"""Seconds for a last round of removals when the server stops."""


class ResourceCleaner:
    """Runs clean-up tasks, and retries them with growing pauses until they succeed. Removal is idempotent, so several cleaners may run."""

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._loop = BackgroundLoop("resource cleaner", self._run, failure="The resources to remove could not be listed or removed")

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

    async def _run(self) -> float:
        return 0 if await self.clean() else POLL_SECONDS

    async def clean(self) -> bool:
        """Carries out the tasks that are due. Returns True if there may be more."""
        verified = self._services.computes.verified
        async with self._services.database.read() as reader:
            now = await clock(reader.connection)
            sessions = await cleanup_tasks.due_sessions(reader, self._services.installation, now, verified, MAX_CONCURRENT_REMOVALS)
            checkpoints = await cleanup_tasks.due_checkpoints(reader, now, verified, MAX_CONCURRENT_REMOVALS)
        await asyncio.gather(*map(self._remove_session, sessions), *map(self._remove_checkpoint, checkpoints))
        return len(sessions) == MAX_CONCURRENT_REMOVALS or len(checkpoints) == MAX_CONCURRENT_REMOVALS

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
