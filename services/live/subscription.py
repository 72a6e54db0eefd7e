"""An event subscription: reads the log in pages until it reaches the feed, then follows the feed, without gaps or duplicates."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Protocol, Self

from services.domain.events import Cursor, LoggedEvent
from services.live.feed import Feed
from services.live.log_reader import EventLog, read_state, retry_read
from services.live.stream_items import EventFilter, Heartbeat, Item, Resync, ResyncReason, StreamSettings
from services.store.log import StreamState

NO_EPOCH = ""
"""The epoch of a cursor that belongs to another stream: equal to no epoch of this one."""


class FeedProvider(Protocol):
    """The part of the broker that a subscription uses."""

    @property
    def log(self) -> EventLog: ...

    @property
    def settings(self) -> StreamSettings: ...

    def acquire_feed(self, subscription: "Subscription") -> Feed: ...

    def release_feed(self, subscription: "Subscription", feed: Feed) -> None: ...


class Subscription:
    """Yields the items of one stream; used as `async with subscription: async for item in subscription`, by one task.

    Matching events up to `_seq` were delivered. While `_attached_at` is a number, the queue holds all matching events after it;
    so the queue may be used once `_seq` has reached that number, and until then the log is read in pages (B83).
    """

    def __init__(self, provider: FeedProvider, stream_id: str, event_filter: EventFilter, after: Cursor | None) -> None:
        self.stream_id = stream_id
        self.event_filter = event_filter
        self._provider = provider
        self._log, self._settings = provider.log, provider.settings
        self._after = after
        self._epoch = ""
        self._seq = 0
        self._page: deque[LoggedEvent] = deque()
        self._page_to = 0
        self._queue: deque[LoggedEvent] = deque()
        self._attached_at: int | None = None
        self._resync: Resync | None = None
        self._heartbeat_due = False
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._ended = False

    @property
    def start(self) -> Cursor:
        """The cursor after which it begins: `after`, or the head when it was entered."""
        return self._start

    @property
    def queued_events(self) -> int:
        """The number of events that wait to be taken."""
        return len(self._queue) + len(self._page)

    async def __aenter__(self) -> Self:
        self._feed = self._provider.acquire_feed(self)
        try:
            await self._feed.ready()
            await self._begin()
        except BaseException:
            self._release()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        """Returns the next item, and waits for it. Always lets other tasks run first."""
        await asyncio.sleep(0)
        while True:
            if self._failure:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            item = self._next_buffered()
            if item:
                return item
            if self._is_live():
                await self._wait()
            else:
                await self._read_page()

    def buffered_events(self) -> list[LoggedEvent]:
        """Returns the events that are available without waiting, so that a reader can process them in one batch."""
        events = []
        while event := self._next_event():
            events.append(event)
        return events

    def heartbeat(self) -> Heartbeat:
        """Returns a heartbeat now, ahead of the schedule."""
        return Heartbeat(self._cursor(), datetime.now(UTC))

    def skip_to(self, cursor: Cursor) -> None:
        """Skips the events that a snapshot read at `cursor` already contains."""
        if cursor.epoch == self._epoch and self._resync is None:
            self._seq = max(self._seq, cursor.seq)

    def fail(self, error: BaseException) -> None:
        """Raises `error` in the subscriber's iteration, in place of the next item."""
        self._failure = error
        self._wake()

    def end(self) -> None:
        """Ends the iteration."""
        self._ended = True
        self._wake()

    def offer(self, event: LoggedEvent) -> bool:
        """Queues an event of the feed. Returns False if the queue is full: the event is then read from the log."""
        if len(self._queue) >= self._settings.max_queued_events:
            self._detached()
            return False
        self._queue.append(event)
        self._wake()
        return True

    def reset(self) -> None:
        """Detaches from the feed, so that the log is read next."""
        self._detached()
        self._wake()

    async def _begin(self) -> None:
        """Begins at the head or after the cursor. The first page read shows whether the log continues from the cursor."""
        if self._after is None:
            self._attach()
            self._start = (await read_state(self._log, self.stream_id, self._settings)).cursor
            self._epoch, self._seq = self._start.epoch, self._start.seq
            self._schedule_heartbeat()
        else:
            self._start = self._after
            self._epoch = self._after.epoch if self._after.stream_id == self.stream_id else NO_EPOCH
            self._seq = self._after.seq

    def _resync_to(self, reason: ResyncReason, state: StreamState) -> None:
        self._page.clear()
        self._page_to = 0
        self._resync = Resync(reason, state.cursor)
        self._epoch, self._seq = state.epoch, state.head

    def _next_buffered(self) -> Item | None:
        if self._resync:
            resync, self._resync = self._resync, None
            return resync
        if self._heartbeat_due:
            self._heartbeat_due = False
            return self.heartbeat()
        return self._next_event()

    def _next_event(self) -> LoggedEvent | None:
        while self._page:
            event = self._page.popleft()
            if event.seq > self._seq:
                self._seq = event.seq
                return event
        self._seq = max(self._seq, self._page_to)
        while self._queue and self._is_live():
            event = self._queue.popleft()
            if event.seq > self._seq:
                self._seq = event.seq
                return event
        return None

    def _cursor(self) -> Cursor:
        """The newest cursor up to which everything was delivered: the feed's, if nothing is waiting here."""
        if self._is_live() and not self._queue and not self._page:
            self._seq = max(self._seq, self._feed.seq)
        return self._position()

    def _position(self) -> Cursor:
        return Cursor(self.stream_id, self._epoch, self._seq)

    def _is_live(self) -> bool:
        return self._attached_at is not None and self._attached_at <= self._seq and self._feed.epoch == self._epoch

    async def _read_page(self) -> None:
        """Reads a page of the log. Attaches to the feed first, so that events written during the read are in the queue."""
        if self._attached_at is None:
            self._attach()
        position = self._position()
        page = await retry_read(
            lambda: self._log.page(self.stream_id, position.seq, self._settings.page_size, self.event_filter), self._settings
        )
        reason = _resync_reason(position, page.state)
        if reason:
            self._resync_to(reason, page.state)
        else:
            self._page.extend(page.events)
            self._page_to = page.reached
        if self._heartbeat_timer is None:
            self._schedule_heartbeat()
        if self._epoch != self._feed.epoch:
            await self._wait_for_feed()

    async def _wait_for_feed(self) -> None:
        """Waits for the feed to notice a restored backup that this subscription saw first: what it offers is of the old log."""
        self._feed.detach(self)
        self._detached()
        self._feed.notify()
        await asyncio.sleep(self._settings.retry_seconds)

    def _attach(self) -> None:
        self._queue.clear()
        self._attached_at = self._feed.attach(self)

    def _detached(self) -> None:
        self._attached_at = None
        self._queue.clear()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _schedule_heartbeat(self) -> None:
        self._heartbeat_timer = asyncio.get_running_loop().call_later(self._settings.heartbeat_seconds, self._mark_heartbeat_due)

    def _mark_heartbeat_due(self) -> None:
        self._heartbeat_due = True
        self._schedule_heartbeat()
        self._wake()

    def _release(self) -> None:
        if self._heartbeat_timer:
            self._heartbeat_timer.cancel()
        self._feed.detach(self)
        self._detached()
        self._provider.release_feed(self, self._feed)


def _resync_reason(position: Cursor, state: StreamState) -> ResyncReason | None:
    """Returns why the log does not continue from `position`, None if it does."""
    if position.epoch != state.epoch or position.seq > state.head:
        return ResyncReason.UNKNOWN_CURSOR
    return ResyncReason.RETENTION if position.seq < state.horizon else None
