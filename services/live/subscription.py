"""One subscriber's way through a stream: the log in pages up to where the feed is, then the feed; nothing twice, nothing left out."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Protocol, Self

from services.domain.events import Cursor, LoggedEvent
from services.live.feed import Feed
from services.live.log_reader import EventLog, persistently, state_of
from services.live.stream_items import EventMatch, Heartbeat, Item, Resync, ResyncReason, Timing
from services.store.log import StreamState

ELSEWHERE = ""
"""The epoch of a place in another stream: that of none."""


class Hub(Protocol):
    """What a subscription needs of the broker."""

    @property
    def log(self) -> EventLog: ...

    @property
    def timing(self) -> Timing: ...

    def enter(self, subscription: "Subscription") -> Feed: ...

    def leave(self, subscription: "Subscription", feed: Feed) -> None: ...


class Subscription:
    """Use as `async with subscription: async for item in subscription`, by one task.

    `_seq` is the place up to which all that matches was given. While `_attached_at` is a number, the queue holds all that matches after it;
    so the queue may be used once `_seq` has reached that number, and until then the log is read in pages (B83).
    """

    def __init__(self, hub: Hub, stream_id: str, match: EventMatch, after: Cursor | None) -> None:
        self.stream_id = stream_id
        self.match = match
        self._hub = hub
        self._log, self._timing = hub.log, hub.timing
        self._after = after
        self._epoch = ""
        self._seq = 0
        self._page: deque[LoggedEvent] = deque()
        self._page_to = 0
        self._queue: deque[LoggedEvent] = deque()
        self._attached_at: int | None = None
        self._resync: Resync | None = None
        self._beat_due = False
        self._beat: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._ended = False

    @property
    def start(self) -> Cursor:
        """Where it begins: `after`, or the head when it was entered."""
        return self._start

    async def __aenter__(self) -> Self:
        self._feed = self._hub.enter(self)
        try:
            await self._feed.ready()
            await self._begin()
        except BaseException:
            self._let_go()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._let_go()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        """The next item; waits for it. Always lets others run in between."""
        await asyncio.sleep(0)
        while True:
            if self._failure:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            item = self._at_hand()
            if item:
                return item
            if self._is_live():
                await self._wait()
            else:
                await self._read_page()

    def events_at_hand(self) -> list[LoggedEvent]:
        """What can be had without waiting, for those who look at many events at once."""
        events = []
        while event := self._next_event():
            events.append(event)
        return events

    def beat(self) -> Heartbeat:
        """A heartbeat out of turn: how far all has been given."""
        return Heartbeat(self._cursor(), datetime.now(UTC))

    def skip_to(self, cursor: Cursor) -> None:
        """Leave out what a snapshot that was read at `cursor` shows already."""
        if cursor.epoch == self._epoch and self._resync is None:
            self._seq = max(self._seq, cursor.seq)

    def fail(self, error: BaseException) -> None:
        """Raise `error` at the subscriber, in place of the next item."""
        self._failure = error
        self._wake()

    def end(self) -> None:
        """Let the iteration end."""
        self._ended = True
        self._wake()

    def offer(self, event: LoggedEvent) -> bool:
        """From the feed: one more for the queue. When there is no room the log keeps it for us."""
        if len(self._queue) >= self._timing.queue:
            self._detached()
            return False
        self._queue.append(event)
        self._wake()
        return True

    def cut(self) -> None:
        """From the feed: look at the log again."""
        self._detached()
        self._wake()

    async def _begin(self) -> None:
        """At the head, or at the given place: whether the log leads on from there shows when the first page is read."""
        if self._after is None:
            self._attach()
            self._start = (await state_of(self._log, self.stream_id, self._timing)).cursor
            self._epoch, self._seq = self._start.epoch, self._start.seq
            self._schedule_beat()
        else:
            self._start = self._after
            self._epoch = self._after.epoch if self._after.stream_id == self.stream_id else ELSEWHERE
            self._seq = self._after.seq

    def _start_again(self, reason: ResyncReason, state: StreamState) -> None:
        self._page.clear()
        self._page_to = 0
        self._resync = Resync(reason, state.cursor)
        self._epoch, self._seq = state.epoch, state.head

    def _at_hand(self) -> Item | None:
        if self._resync:
            resync, self._resync = self._resync, None
            return resync
        if self._beat_due:
            self._beat_due = False
            return self.beat()
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
        """The newest place of which nothing is left to give: the feed's, when we have all that it had."""
        if self._is_live() and not self._queue and not self._page:
            self._seq = max(self._seq, self._feed.seq)
        return self._place()

    def _place(self) -> Cursor:
        return Cursor(self.stream_id, self._epoch, self._seq)

    def _is_live(self) -> bool:
        return self._attached_at is not None and self._attached_at <= self._seq and self._feed.epoch == self._epoch

    async def _read_page(self) -> None:
        """Attach first, then read: what comes during the read is in the queue."""
        if self._attached_at is None:
            self._attach()
        place = self._place()
        page = await persistently(lambda: self._log.page(self.stream_id, place.seq, self._timing.page, self.match), self._timing)
        reason = _refusal(place, page.state)
        if reason:
            self._start_again(reason, page.state)
        else:
            self._page.extend(page.events)
            self._page_to = page.reached
        if self._beat is None:
            self._schedule_beat()
        if self._epoch != self._feed.epoch:
            await self._let_feed_notice()

    async def _let_feed_notice(self) -> None:
        """We saw a restored backup before the feed did: what it offers is of the old log."""
        self._feed.detach(self)
        self._detached()
        self._feed.look()
        await asyncio.sleep(self._timing.retry_seconds)

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

    def _schedule_beat(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(self._timing.heartbeat_seconds, self._mark_beat)

    def _mark_beat(self) -> None:
        self._beat_due = True
        self._schedule_beat()
        self._wake()

    def _let_go(self) -> None:
        if self._beat:
            self._beat.cancel()
        self._feed.detach(self)
        self._detached()
        self._hub.leave(self, self._feed)


def _refusal(place: Cursor, state: StreamState) -> ResyncReason | None:
    """Why the log does not lead on from `place`."""
    if place.epoch != state.epoch or place.seq > state.head:
        return ResyncReason.UNKNOWN_CURSOR
    return ResyncReason.RETENTION if place.seq < state.horizon else None
