"""What a subscription gives besides events, what it asks for, and how often things are done."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.events import Cursor, Kind, LoggedEvent


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Which events of a stream: None = of every kind, of every Studio and of none. Data, so that equal ones can share work."""

    kinds: frozenset[Kind] | None = None
    studio_id: str | None = None

    def takes(self, event: LoggedEvent) -> bool:
        return (self.kinds is None or event.kind in self.kinds) and (self.studio_id is None or event.studio_id == self.studio_id)


class ResyncReason(StrEnum):
    """Why a stream cannot go on from a cursor."""

    RETENTION = "RETENTION"
    UNKNOWN_CURSOR = "UNKNOWN_CURSOR"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """All is well: everything up to `cursor` has been given."""

    cursor: Cursor
    at: datetime


@dataclass(frozen=True, slots=True)
class Resync:
    """The log does not lead from the asked place to here: read the state afresh. Events after `cursor` follow."""

    reason: ResyncReason
    cursor: Cursor


Item = LoggedEvent | Heartbeat | Resync


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits of the live part: times in seconds, sizes in events.

    `poll_seconds` is how long a lost wake-up can go unnoticed; `queue` what may wait for one subscriber before it reads the log itself.
    """

    heartbeat_seconds: float = 15
    poll_seconds: float = 5
    retry_seconds: float = 0.1
    retry_limit_seconds: float = 5
    queue: int = 256
    page: int = 256
