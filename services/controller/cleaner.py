"""Removes what rows say is to be removed: leftovers of sessions, and saves that nothing needs (DESIGN 2)."""

import asyncio
import logging
from collections.abc import Awaitable

from services.compute.protocol import ComputeFailed, ComputeUnknown, SessionName
from services.controller.work import Tools
from services.store import leftovers
from services.store.database import clock
from services.store.leftovers import Garbage, Leftover

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
AT_ONCE = 20


class Cleaner:
    """Retries with growing pauses until each is gone. Removal is idempotent, so several cleaners do no harm."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cleaner")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                busy = await self.clean()
            except Exception:
                log.exception("The cleaner failed; it tries again")
                busy = False
            await asyncio.sleep(0 if busy else EVERY_SECONDS)

    async def clean(self) -> bool:
        """Work on what is due; True if there may be more."""
        async with self._tools.database.read() as reader:
            now = await clock(reader.connection)
            left = await leftovers.due_leftovers(reader, now, AT_ONCE)
            garbage = await leftovers.due_garbage(reader, now, AT_ONCE)
        await asyncio.gather(*map(self._remove_session, left), *map(self._remove_save, garbage))
        return len(left) == AT_ONCE or len(garbage) == AT_ONCE

    async def _remove_session(self, item: Leftover) -> None:
        name = SessionName(self._tools.installation, item.studio_id, item.public_id, item.session_number)
        compute = await self._tools.computes.get(item.compute_environment_id)
        await self._settle(item, compute.remove(name))

    async def _remove_save(self, item: Garbage) -> None:
        compute = await self._tools.computes.get(item.compute_environment_id)
        await self._settle(item, compute.remove_checkpoint(item.reference))

    async def _settle(self, item: Leftover | Garbage, removal: Awaitable[None]) -> None:
        try:
            await removal
        except (ComputeUnknown, ComputeFailed) as error:
            async with self._tools.database.write() as transaction:
                await leftovers.retry_later(transaction, item, str(error))
            return
        async with self._tools.database.write() as transaction:
            await leftovers.gone(transaction, item)
            if isinstance(item, Leftover):
                transaction.wake("studio", item.studio_id)
