"""The log as the live part reads it: again and again until the database answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.live.stream_items import EventMatch, Timing
from services.store import log
from services.store.db.database import Database
from services.store.log import Page, StreamState, UnknownStream

logger = logging.getLogger(__name__)
T = TypeVar("T")
READS_AT_ONCE = 4


class EventLog(Protocol):
    """Where events are read from."""

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]: ...

    async def page(self, stream_id: str, after: int, limit: int, match: EventMatch) -> Page: ...


@dataclass(frozen=True, slots=True)
class StoredLog:
    """The log in the database, one statement a call."""

    database: Database

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        async with self.database.read() as reader:
            return await log.states(reader, stream_ids)

    async def page(self, stream_id: str, after: int, limit: int, match: EventMatch) -> Page:
        async with self.database.read() as reader:
            return await log.page(reader, stream_id, after, limit, kinds=match.kinds, studio_id=match.studio_id)


class InTurn:
    """The same log for single subscribers: when hundreds reconnect at once, neither feeds nor requests wait behind all of them."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        async with self._turns:
            return await self._log.states(stream_ids)

    async def page(self, stream_id: str, after: int, limit: int, match: EventMatch) -> Page:
        async with self._turns:
            return await self._log.page(stream_id, after, limit, match)


async def state_of(log: EventLog, stream_id: str, timing: Timing) -> StreamState:
    """Where the stream stands, once the database answers. One that does not exist yet is waited for as well."""

    async def read() -> StreamState:
        states = await log.states([stream_id])
        if stream_id not in states:
            raise UnknownStream(stream_id)
        return states[stream_id]

    return await persistently(read, timing)


async def persistently(read: Callable[[], Awaitable[T]], timing: Timing, trouble: type[Exception] = Exception) -> T:
    """The answer of `read`, tried until there is one: while the database is away, subscribers wait, and lose nothing.

    Only for errors of the kind `trouble`; any other is raised. The log's own readers have nobody to raise to.
    """
    pause = timing.retry_seconds
    while True:
        try:
            return await read()
        except trouble as error:
            logger.warning("reading for subscribers failed, trying again in %.1f s: %s: %s", pause, type(error).__name__, error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, timing.retry_limit_seconds)
