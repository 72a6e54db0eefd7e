"""The event broker: creates subscriptions to event streams, and runs one feed for each stream that has subscribers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.domain.events import Cursor, LoggedEvent
from services.live.cancelled_tasks import CancelledTasks
from services.live.feed import Feed
from services.live.log_reader import ConcurrencyLimitedLog, EventLog, StoredLog
from services.live.stream_items import EventFilter, StreamSettings
from services.live.subscription import Subscription
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store.db.database import Database, Wake
from services.store.db.wakeups import WakeSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class EventObserver:
    """Callbacks that run as soon as an event is read, before any subscription of this process returns a later event.

    `on_reset` is called when events may have been missed. Both run in the feed's task, so they must not block.
    """

    event_filter: EventFilter
    on_event: Callable[[LoggedEvent], None]
    on_reset: Callable[[], None]

    def offer(self, event: LoggedEvent) -> bool:
        try:
            self.on_event(event)
        except Exception:
            logger.exception("An observer failed at event %s of stream %s", event.seq, event.stream_id)
        return True

    def reset(self) -> None:
        self.on_reset()


class Broker:
    """Connects subscribers to event streams; one in each process. Wake-ups only trigger reads: order and content come from the log."""

    def __init__(
        self, database: Database, wakeups: WakeSource, *, settings: StreamSettings | None = None, log: EventLog | None = None
    ) -> None:
        self._log = log or StoredLog(database)
        self.log = ConcurrencyLimitedLog(self._log)
        self._wakeups = wakeups
        self.settings = settings or StreamSettings()
        self._feeds: dict[str, Feed] = {}
        self._subscriptions: set[Subscription] = set()
        self._unsubscribe: Callable[[], None] | None = None
        backoff = Backoff(self.settings.retry_seconds, self.settings.max_retry_seconds)
        self._poll = BackgroundLoop(
            "event stream poll", self._poll_streams, failure="The event streams could not be polled", backoff=backoff
        )
        self._cancelled_tasks = CancelledTasks()

    async def start(self) -> None:
        self._unsubscribe = self._wakeups.subscribe(self._on_wake)
        self._poll.start(delay_seconds=self.settings.poll_seconds)

    async def close(self) -> None:
        """Ends all subscriptions, so that iterating over them stops. The broker does not use the database afterwards."""
        if self._unsubscribe:
            self._unsubscribe()
        for subscription in list(self._subscriptions):
            subscription.end()
        for feed in self._feeds.values():
            self._cancelled_tasks.cancel(feed.task)
        await asyncio.gather(self._poll.stop(), self._cancelled_tasks.wait())

    @property
    def streams(self) -> frozenset[str]:
        """The ids of the streams that have a running feed."""
        return frozenset(self._feeds)

    @property
    def subscriber_count(self) -> int:
        """The number of subscriptions that are entered."""
        return len(self._subscriptions)

    @property
    def queued_events(self) -> int:
        """The number of events that wait in the queues of all subscriptions."""
        return sum(subscription.queued_events for subscription in self._subscriptions)

    def subscribe(self, stream_id: str, event_filter: EventFilter | None = None, after: Cursor | None = None) -> Subscription:
        """Returns a subscription to matching events after the cursor, or after it is entered. Uses no resources until then."""
        return Subscription(self, stream_id, event_filter or EventFilter(), after)

    @asynccontextmanager
    async def observe(self, observer: EventObserver, stream_id: str) -> AsyncIterator[None]:
        """Calls `observer` for matching events. Once this is entered, no event is missed without a call of `on_reset`."""
        feed = self._acquire(stream_id)
        try:
            await feed.ready()
            feed.attach(observer)
            yield
        finally:
            feed.detach(observer)
            self._release(feed)

    def acquire_feed(self, subscription: Subscription) -> Feed:
        """Returns the feed of the subscription's stream, which runs until `release_feed`."""
        self._subscriptions.add(subscription)
        return self._acquire(subscription.stream_id)

    def release_feed(self, subscription: Subscription, feed: Feed) -> None:
        self._subscriptions.discard(subscription)
        self._release(feed)

    def _acquire(self, stream_id: str) -> Feed:
        feed = self._feeds.get(stream_id)
        if feed is None:
            feed = self._feeds[stream_id] = Feed(stream_id, self._log, self.settings)
            feed.start()
        feed.users += 1
        return feed

    def _release(self, feed: Feed) -> None:
        feed.users -= 1
        if feed.users == 0:
            self._cancelled_tasks.cancel(feed.task)
            del self._feeds[feed.stream_id]

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic == "lost":
            for feed in self._feeds.values():
                feed.notify()
        elif wake.topic == "stream" and wake.key in self._feeds:
            self._feeds[wake.key].notify(wake.seq)

    async def _poll_streams(self) -> float:
        """Finds commits whose wake-up was lost, or was never sent (a restored backup), with one statement for all feeds."""
        if self._feeds:
            for stream_id, state in (await self._log.states(sorted(self._feeds))).items():
                feed = self._feeds.get(stream_id)
                if feed and feed.differs_from(state):
                    feed.notify()
        return self.settings.poll_seconds
