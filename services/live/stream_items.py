"""The items of an event subscription (events, heartbeats, resyncs), the filter that selects events, and the settings of streams."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.events import Cursor, Kind, LoggedEvent


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Selects events of a stream by kind and Studio; None selects all. Comparable, so that subscriptions with equal filters share work."""

    kinds: frozenset[Kind] | None = None
    studio_id: str | None = None

    def matches(self, event: LoggedEvent) -> bool:
        return (self.kinds is None or event.kind in self.kinds) and (self.studio_id is None or event.studio_id == self.studio_id)


class ResyncReason(StrEnum):
    """Why a subscription cannot continue from a cursor."""

    RETENTION = "RETENTION"
    UNKNOWN_CURSOR = "UNKNOWN_CURSOR"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Says that all matching events up to `cursor` were delivered."""

    cursor: Cursor
    at: datetime


@dataclass(frozen=True, slots=True)
class Resync:
    """Says that events are missing, so that the subscriber must read a new snapshot. Events after `cursor` follow."""

    reason: ResyncReason
    cursor: Cursor


Item = LoggedEvent | Heartbeat | Resync


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Intervals and limits of event streams: times in seconds, sizes in events.

    A lost wake-up is noticed after `poll_seconds`. A subscriber with `max_queued_events` events waiting is detached from the feed and reads
    the log itself.
    """

    heartbeat_seconds: float = 15
    poll_seconds: float = 5
    retry_seconds: float = 0.1
    max_retry_seconds: float = 5
    max_queued_events: int = 256
    page_size: int = 256
