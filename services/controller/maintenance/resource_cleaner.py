"""Removes what rows say is to be removed: leftovers of sessions, and saves that nothing needs (DESIGN 2)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.domain.session_name import SessionName
from services.store import cleanup_tasks
from services.store.cleanup_tasks import Garbage, Leftover
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
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cleaner")

    async def close(self) -> None:
        """After a last look, so that a server that ends leaves nothing that it could have removed at once."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(TimeoutError, DatabaseUnavailable):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.clean()

    async def _run(self) -> None:
        while True:
            try:
                busy = await self.clean()
            except Exception:
                log.exception("The cleaner failed; it tries again")
                busy = False
            await asyncio.sleep(0 if busy else EVERY_SECONDS)

    async def clean(self) -> bool:
        """ClaimedStudio on what is due; True if there may be more."""
        async with self._services.database.read() as reader:
            now = await clock(reader.connection)
            left = await cleanup_tasks.due_leftovers(reader, now, AT_ONCE)
            garbage = await cleanup_tasks.due_garbage(reader, now, AT_ONCE)
        await asyncio.gather(*map(self._remove_session, left), *map(self._remove_save, garbage))
        return len(left) == AT_ONCE or len(garbage) == AT_ONCE

    async def _remove_session(self, item: Leftover) -> None:
        name = SessionName(self._services.installation, item.studio_id, item.public_id, item.session_number)

        async def remove() -> None:
            await (await self._services.computes.get(item.compute_environment_id)).remove(name)

        await self._settle(item, remove)

    async def _remove_save(self, item: Garbage) -> None:
        async def remove() -> None:
            await (await self._services.computes.get(item.compute_environment_id)).remove_checkpoint(item.reference)

        await self._settle(item, remove)

    async def _settle(self, item: Leftover | Garbage, remove: Callable[[], Awaitable[None]]) -> None:
        why = await _obstacle(remove)
        async with self._services.database.write() as transaction:
            if why is not None:
                await cleanup_tasks.retry_later(transaction, item, why)
                return
            await cleanup_tasks.gone(transaction, item)
            if isinstance(item, Leftover):
                transaction.wake("studio", item.studio_id)


async def _obstacle(remove: Callable[[], Awaitable[None]]) -> str | None:
    """None once it is removed, else why not: one thing that cannot be removed must not hold up the others."""
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
