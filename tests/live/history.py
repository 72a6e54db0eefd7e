"""What one client has seen, joined over its reconnects, and whether that is the whole truth."""

from services.domain.events import Cursor, LoggedEvent
from services.live.stream_items import EventFilter, Heartbeat, Item, Resync, ResyncReason
from tests.live.memory import MemoryLog


class History:
    """Checks each item against the log as it comes: the next matching event, a heartbeat that skips none, a Resync that is needed."""

    def __init__(self, log: MemoryLog, event_filter: EventFilter) -> None:
        self.log = log
        self.event_filter = event_filter
        self.cursor: Cursor | None = None
        self.events: list[LoggedEvent] = []
        self.resyncs = 0

    def begin(self, start: Cursor) -> None:
        if self.cursor is None:
            self.cursor = start

    def take(self, item: Item) -> None:
        if isinstance(item, Resync):
            self._take_resync(item)
        elif isinstance(item, Heartbeat):
            self._reach(item.cursor)
        else:
            assert self.event_filter.matches(item)
            assert self._missing(item.cursor) == [item], "not the next event that matches"
            self._reach(item.cursor, event=item)
            self.events.append(item)

    def assert_complete(self) -> None:
        """At the end, with everything delivered: nothing that matches is missing after the last item."""
        assert self.cursor is not None
        assert self.cursor.epoch == self.log.epoch
        assert self._missing(self.log.state.cursor) == []

    def _take_resync(self, resync: Resync) -> None:
        assert self.cursor is not None
        if resync.reason is ResyncReason.RETENTION:
            assert self.cursor.seq < self.log.horizon, "the log still reached back"
        else:
            assert self.cursor.epoch != resync.cursor.epoch, "the cursor was good"
        self.cursor = resync.cursor
        self.resyncs += 1

    def _reach(self, cursor: Cursor, event: LoggedEvent | None = None) -> None:
        assert self.cursor is not None
        assert cursor.epoch == self.cursor.epoch
        assert cursor.seq >= self.cursor.seq, "time went backwards"
        assert self._missing(cursor) == ([event] if event else []), "an event was left out"
        self.cursor = cursor

    def _missing(self, until: Cursor) -> list[LoggedEvent]:
        assert self.cursor is not None
        events = self.log.archive[self.cursor.epoch]
        return [event for event in events if self.cursor.seq < event.seq <= until.seq and self.event_filter.matches(event)]
