"""Who wants to know what: hands out subscriptions, and keeps one feed for each stream that somebody listens to."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.domain.events import Cursor, LoggedEvent
from services.live.feed import Feed
from services.live.log_reader import EventLog, InTurn, StoredLog
from services.live.stream_items import EventMatch, Timing
from services.live.subscription import Subscription
from services.live.task_cleanup import TaskCleanup
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store.db.database import Database, Wake
from services.store.db.wakeups import WakeSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Tap:
    """A listener that acts at once, before any subscription of this process gives out what comes after the event.

    `on_cut` tells that events may have been missed. Both are called in the feed: they must not block.
    """

    match: EventMatch
    on_event: Callable[[LoggedEvent], None]
    on_cut: Callable[[], None]

    def offer(self, event: LoggedEvent) -> bool:
        try:
            self.on_event(event)
        except Exception:
            logger.exception("a listener failed at event %s of %s", event.seq, event.stream_id)
        return True

    def cut(self) -> None:
        self.on_cut()


class Broker:
    """The live part's centre; one in each process. Wake-ups only say "look": order and content are the log's."""

    def __init__(self, database: Database, wakeups: WakeSource, *, timing: Timing | None = None, log: EventLog | None = None) -> None:
        self._log = log or StoredLog(database)
        self.log = InTurn(self._log)
        self._wakeups = wakeups
        self.timing = timing or Timing()
        self._feeds: dict[str, Feed] = {}
        self._subscriptions: set[Subscription] = set()
        self._unsubscribe: Callable[[], None] | None = None
        backoff = Backoff(self.timing.retry_seconds, self.timing.retry_limit_seconds)
        self._poll = BackgroundLoop(
            "event stream poll", self._poll_slowly, failure="The event streams could not be polled", backoff=backoff
        )
        self._ending = TaskCleanup()

    async def start(self) -> None:
        self._unsubscribe = self._wakeups.subscribe(self._on_wake)
        self._poll.start(delay_seconds=self.timing.poll_seconds)

    async def close(self) -> None:
        """End all subscriptions: their iterations stop. Nothing of the broker uses the database afterwards."""
        if self._unsubscribe:
            self._unsubscribe()
        for subscription in list(self._subscriptions):
            subscription.end()
        for feed in self._feeds.values():
            self._ending.end(feed.task)
        await asyncio.gather(self._poll.stop(), self._ending.wait())

    @property
    def streams(self) -> frozenset[str]:
        """The streams that are followed at this moment."""
        return frozenset(self._feeds)

    def subscribe(self, stream_id: str, match: EventMatch | None = None, after: Cursor | None = None) -> Subscription:
        """What matches in the stream, after the cursor, or from when it is entered. Nothing is held until then."""
        return Subscription(self, stream_id, match or EventMatch(), after)

    @asynccontextmanager
    async def tap(self, tap: Tap, stream_id: str) -> AsyncIterator[None]:
        """Have `tap` called for what matches; from when this is entered nothing is missed without `on_cut`."""
        feed = self._hold(stream_id)
        try:
            await feed.ready()
            feed.attach(tap)
            yield
        finally:
            feed.detach(tap)
            self._release(feed)

    def enter(self, subscription: Subscription) -> Feed:
        """For subscriptions: the feed of its stream, which runs until `leave`."""
        self._subscriptions.add(subscription)
        return self._hold(subscription.stream_id)

    def leave(self, subscription: Subscription, feed: Feed) -> None:
        self._subscriptions.discard(subscription)
        self._release(feed)

    def _hold(self, stream_id: str) -> Feed:
        feed = self._feeds.get(stream_id)
        if feed is None:
            feed = self._feeds[stream_id] = Feed(stream_id, self._log, self.timing)
            feed.start()
        feed.users += 1
        return feed

    def _release(self, feed: Feed) -> None:
        feed.users -= 1
        if feed.users == 0:
            self._ending.end(feed.task)
            del self._feeds[feed.stream_id]

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic == "lost":
            for feed in self._feeds.values():
                feed.look()
        elif wake.topic == "stream":
            followed = self._feeds.get(wake.key)
            if followed:
                followed.look(wake.seq)

    async def _poll_slowly(self) -> float:
        """Finds commits whose wake-up was lost, or was never sent (a restored backup), with one statement for all feeds."""
        if self._feeds:
            for stream_id, state in (await self._log.states(sorted(self._feeds))).items():
                followed = self._feeds.get(stream_id)
                if followed and followed.differs_from(state):
                    followed.look()
        return self.timing.poll_seconds
