"""Deletes old events, logs and other records every hour."""

from datetime import timedelta

from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import retention
from services.store.db.database import Database

TRIM_INTERVAL_SECONDS = 3600.0
RETRY_SECONDS = 60.0
"""The first pause after a failure; doubled up to TRIM_INTERVAL_SECONDS."""


class RetentionLoop:
    """Deletes what is older than its retention period, at its start and every TRIM_INTERVAL_SECONDS. Several may run."""

    def __init__(self, database: Database, keep: timedelta) -> None:
        self._database = database
        self._keep = keep
        backoff = Backoff(RETRY_SECONDS, TRIM_INTERVAL_SECONDS)
        self._loop = BackgroundLoop("retention", self._run, failure="Old records could not be removed", backoff=backoff)

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        await self._loop.stop()

    async def _run(self) -> float:
        await retention.trim(self._database, self._keep)
        return TRIM_INTERVAL_SECONDS
