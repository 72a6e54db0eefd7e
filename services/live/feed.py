"""The feed of one event stream: reads the log once for all consumers in this process, and passes events on in log order."""

import asyncio
from typing import Protocol

from services.domain.events import LoggedEvent
from services.live.log_reader import EventLog, read_state, retry_read
from services.live.stream_items import EventFilter, StreamSettings
from services.runtime import metrics
from services.store.log import Page, StreamState

EVERYTHING = EventFilter()


class FeedConsumer(Protocol):
    """Receives the events of a feed. Its methods must neither block nor raise."""

    @property
    def event_filter(self) -> EventFilter: ...

    def offer(self, event: LoggedEvent) -> bool:
        """Takes a matching event. Returns False if its queue is full: the feed then detaches it, and it reads the log itself."""
        ...

    def reset(self) -> None:
        """Tells the consumer that it was detached because the log no longer continues from the feed's position."""
        ...


class Feed:
    """Follows one stream while it is in use. Every matching event up to `seq` was offered to all attached consumers.

    Consumers are grouped by Studio and filter: an event is tested once per distinct filter, and never against filters of other Studios.
    """

    def __init__(self, stream_id: str, log: EventLog, settings: StreamSettings) -> None:
        self.stream_id = stream_id
        self.users = 0
        self.epoch = ""
        self.seq = 0
        self._log = log
        self._settings = settings
        self._consumers: dict[str | None, dict[EventFilter, dict[FeedConsumer, None]]] = {}
        self._notified = asyncio.Event()
        self._notified_seq = 0
        self._must_read = False
        self._ready = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._follow(), name=f"feed of {self.stream_id}")

    async def ready(self) -> None:
        """Returns once the stream's head has been read."""
        await self._ready.wait()

    def notify(self, seq: int = 0) -> None:
        """Requests a read of the log, up to `seq` if that is known. One read serves all requests that it covers."""
        self._notified_seq = max(self._notified_seq, seq)
        self._must_read = self._must_read or not seq
        self._notified.set()

    def differs_from(self, state: StreamState) -> bool:
        """Returns whether the log's head is not the feed's position. A lower head means a restored backup."""
        return self._ready.is_set() and (state.epoch != self.epoch or state.head != self.seq)

    def attach(self, consumer: FeedConsumer) -> int:
        """Adds a consumer, and returns the seq after which it is offered all matching events."""
        by_filter = self._consumers.setdefault(consumer.event_filter.studio_id, {})
        by_filter.setdefault(consumer.event_filter, {})[consumer] = None
        return self.seq

    def detach(self, consumer: FeedConsumer) -> None:
        event_filter = consumer.event_filter
        by_filter = self._consumers.get(event_filter.studio_id, {})
        group = by_filter.get(event_filter, {})
        group.pop(consumer, None)
        if not group:
            by_filter.pop(event_filter, None)
        if not by_filter:
            self._consumers.pop(event_filter.studio_id, None)

    async def _follow(self) -> None:
        self._begin(await read_state(self._log, self.stream_id, self._settings))
        self._ready.set()
        while True:
            await self._notified.wait()
            self._notified.clear()
            if self._must_read or self._notified_seq > self.seq:
                self._must_read = False
                await self._catch_up()

    def _begin(self, state: StreamState) -> None:
        self.epoch, self.seq = state.epoch, state.head

    async def _catch_up(self) -> None:
        while True:
            page = await self._read_page()
            if page.state.epoch != self.epoch or not page.state.horizon <= self.seq <= page.state.head:
                self._reset_consumers(page.state)
                return
            for event in page.events:
                self._dispatch(event)
                await asyncio.sleep(0)
            self.seq = page.reached
            if page.reached >= page.state.head:
                return

    async def _read_page(self) -> Page:
        return await retry_read(lambda: self._log.page(self.stream_id, self.seq, self._settings.page_size, EVERYTHING), self._settings)

    def _dispatch(self, event: LoggedEvent) -> None:
        self.seq = event.seq
        metrics.EVENT_LAG.observe(max((self._log.now() - event.at).total_seconds(), 0.0))
        full = [consumer for group in self._groups(event) for consumer in group if not consumer.offer(event)]
        for consumer in full:
            self.detach(consumer)

    def _groups(self, event: LoggedEvent) -> list[dict[FeedConsumer, None]]:
        """Returns the consumers that the event matches: those of its Studio, and those of all Studios."""
        groups = [item for studio_id in {None, event.studio_id} for item in self._consumers.get(studio_id, {}).items()]
        return [group for event_filter, group in groups if event_filter.matches(event)]

    def _reset_consumers(self, state: StreamState) -> None:
        """Detaches all after a restored backup, or when retention removed events not yet read. Each consumer then reads the log itself."""
        consumers = [consumer for by_filter in self._consumers.values() for group in by_filter.values() for consumer in group]
        self._consumers.clear()
        self._begin(state)
        for consumer in consumers:
            consumer.reset()
