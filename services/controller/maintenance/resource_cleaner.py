"""Works off the clean-up tasks: removes what is left of sessions, and checkpoints that nothing needs."""

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

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
AT_ONCE = 20
REMOVAL_SECONDS = 120.0
GOODBYE_SECONDS = 3.0


class ResourceCleaner:
    """Retries with growing pauses until each is gone. Removal is idempotent, so several cleaners do no harm."""

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._loop = BackgroundLoop("resource cleaner", self._run, failure="The resources to remove could not be listed or removed")

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        """After a last look, so that a server that ends leaves nothing that it could have removed at once."""
        if not self._loop.is_running:
            return
        await self._loop.stop()
        with suppress(TimeoutError, DatabaseUnavailable):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.clean()

    async def _run(self) -> float:
        return 0 if await self.clean() else EVERY_SECONDS

    async def clean(self) -> bool:
        """ClaimedStudio on what is due; True if there may be more."""
        async with self._services.database.read() as reader:
            now = await clock(reader.connection)
            sessions = await cleanup_tasks.due_sessions(reader, self._services.installation, now, AT_ONCE)
            checkpoints = await cleanup_tasks.due_checkpoints(reader, now, AT_ONCE)
        await asyncio.gather(*map(self._remove_session, sessions), *map(self._remove_checkpoint, checkpoints))
        return len(sessions) == AT_ONCE or len(checkpoints) == AT_ONCE

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
    """Removes one thing; returns None, or why it failed: one thing that cannot be removed must not hold up the others."""
    try:
        async with asyncio.timeout(REMOVAL_SECONDS):
            await remove()
    except (ComputeUnknown, ComputeFailed) as error:
        return describe_error(error)
    except TimeoutError:
        return "The removal took too long."
    except DatabaseUnavailable:
        raise
    except Exception as error:
        log.exception("A removal failed")
        return describe_error(error)
    return None
