"""A log in memory that is slow, and fails, at random, and wake-ups that the test sends or forgets."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from random import Random

from services.domain.actor import Actor
from services.domain.events import Kind, LoggedEvent
from services.live.stream_items import EventFilter
from services.store.db.database import Wake
from services.store.log import Page, StreamState

STREAM = "stream"
AT = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryLog:
    """The log of one stream, with all that ever was in it (`archive`). With `random`, reads take time before and after their moment."""

    def __init__(self, random: Random | None = None) -> None:
        self.epoch = "e0"
        self.horizon = 0
        self.events: list[LoggedEvent] = []
        self.archive: dict[str, list[LoggedEvent]] = {self.epoch: self.events}
        self.reads = 0
        self.failing = False
        self._random = random

    @property
    def state(self) -> StreamState:
        return StreamState(STREAM, self.epoch, self.events[-1].seq if self.events else 0, self.horizon)

    def now(self) -> datetime:
        return AT

    def append(self, kind: Kind = Kind.STUDIO_STATUS, studio_id: str | None = "s1") -> LoggedEvent:
        event = LoggedEvent(STREAM, self.epoch, self.state.head + 1, AT, kind, Actor.system("test"), {}, studio_id, "A Studio")
        self.events.append(event)
        return event

    def trim(self, horizon: int) -> None:
        self.horizon = max(self.horizon, min(horizon, self.state.head))

    def restore(self, lost: int) -> None:
        """As a backup does: the last events are gone, and the epoch is another one."""
        kept = self.events[: max(len(self.events) - lost, self.horizon)]
        self.epoch = f"e{len(self.archive)}"
        self.events = self.archive[self.epoch] = [replace(event, epoch=self.epoch) for event in kept]

    async def states(self, stream_ids: Sequence[str]) -> dict[str, StreamState]:
        await self._travel()
        states = dict.fromkeys(stream_ids, self.state)
        await self._travel()
        return states

    async def page(self, stream_id: str, after: int, limit: int, event_filter: EventFilter) -> Page:
        await self._travel()
        matching = [event for event in self.events if event.seq > max(after, self.horizon) and event_filter.matches(event)][:limit]
        page = Page(self.state, matching, matching[-1].seq if len(matching) == limit else self.state.head)
        await self._travel()
        return page

    async def _travel(self) -> None:
        self.reads += 1
        random = self._random
        await asyncio.sleep(random.choice((0, 0, 0, 0.001, 0.2, 7)) if random else 0)
        if self.failing or (random and random.random() < 0.05):
            raise OSError("the database went away")


class HandWakeups:
    """Wake-ups that the test sends, or forgets."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Wake], None]] = []

    def subscribe(self, callback: Callable[[Wake], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return partial(self.callbacks.remove, callback)

    def wake(self, seq: int = 0, topic: str = "stream") -> None:
        for callback in list(self.callbacks):
            callback(Wake(topic, STREAM, seq))
