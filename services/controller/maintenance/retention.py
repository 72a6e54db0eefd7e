"""Lets old records go, now and then."""

import asyncio
import logging
from datetime import timedelta

from services.store import retention
from services.store.db.database import Database

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0


class RetentionLoop:
    """Trims at its start and every hour. Several do no harm."""

    def __init__(self, database: Database, keep: timedelta) -> None:
        self._database = database
        self._keep = keep
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="trimmer")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await retention.trim(self._database, self._keep)
            except Exception:
                log.exception("Old records could not be removed; it is tried again in an hour")
            await asyncio.sleep(EVERY_SECONDS)
