"""Lets old records go, now and then."""

from datetime import timedelta

from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import retention
from services.store.db.database import Database

EVERY_SECONDS = 3600.0
RETRY_SECONDS = 60.0
"""The first pause after a failure; doubled up to EVERY_SECONDS."""


class RetentionLoop:
    """Trims at its start and every hour. Several do no harm."""

    def __init__(self, database: Database, keep: timedelta) -> None:
        self._database = database
        self._keep = keep
        backoff = Backoff(RETRY_SECONDS, EVERY_SECONDS)
        self._loop = BackgroundLoop("retention", self._run, failure="Old records could not be removed", backoff=backoff)

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        await self._loop.stop()

    async def _run(self) -> float:
        await retention.trim(self._database, self._keep)
        return EVERY_SECONDS
