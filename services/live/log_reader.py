"""Reads the event log for feeds and subscriptions, and retries while the database does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.live.stream_items import EventFilter, StreamSettings
from services.store import log
from services.store.db.database import Database
from services.store.log import Page, StreamState, UnknownStream

logger = logging.getLogger(__name__)
T = TypeVar("T")
MAX_CONCURRENT_READS = 4
"""Reads of the log by single subscribers at the same time; the others wait, so that connections are left for requests."""


class EventLog(Protocol):
    """A source of events: the database, or a log in memory in tests."""

    def now(self) -> datetime:
        """Returns the time by the clock that the events' times come from."""
        ...

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]: ...

    async def page(self, stream_id: str, after: int, limit: int, event_filter: EventFilter) -> Page: ...


@dataclass(frozen=True, slots=True)
class StoredLog:
    """Reads the log in the database, with one statement per call."""

    database: Database

    def now(self) -> datetime:
        """Returns the database's time, without asking it."""
        return self.database.now()

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        async with self.database.read(reserved=True) as reader:
            return await log.states(reader, stream_ids)

    async def page(self, stream_id: str, after: int, limit: int, event_filter: EventFilter) -> Page:
        async with self.database.read(reserved=True) as reader:
            return await log.page(reader, stream_id, after, limit, kinds=event_filter.kinds, studio_id=event_filter.studio_id)


class ConcurrencyLimitedLog:
    """Limits concurrent reads of single subscribers, so that hundreds of reconnecting clients do not delay feeds and requests."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_READS)

    def now(self) -> datetime:
        """Returns the time by the clock that the events' times come from."""
        return self._log.now()

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        async with self._semaphore:
            return await self._log.states(stream_ids)

    async def page(self, stream_id: str, after: int, limit: int, event_filter: EventFilter) -> Page:
        async with self._semaphore:
            return await self._log.page(stream_id, after, limit, event_filter)


async def read_state(log: EventLog, stream_id: str, settings: StreamSettings) -> StreamState:
    """Returns the stream's head and horizon. Waits for the database, and for a stream that does not exist yet."""

    async def read() -> StreamState:
        states = await log.states([stream_id])
        if stream_id not in states:
            raise UnknownStream(stream_id)
        return states[stream_id]

    return await retry_read(read, settings)


async def retry_read(read: Callable[[], Awaitable[T]], settings: StreamSettings, retry_on: type[Exception] = Exception) -> T:
    """Returns the result of `read`, which is called again until it succeeds: while the database is away, subscribers wait.

    Only for errors of the kind `trouble`; any other is raised. The log's own readers have nobody to raise to.
    """
    pause = settings.retry_seconds
    while True:
        try:
            return await read()
        except retry_on as error:
            logger.warning("A read for subscribers failed; next attempt in %.1f s: %s: %s", pause, type(error).__name__, error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, settings.max_retry_seconds)
