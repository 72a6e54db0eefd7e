"""What a running session uses, as its viewers see it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SessionStatsRow:
    """One measurement: cpu in cores, the rest in bytes. None where nothing limits it, or the kind of environment cannot tell."""

    at: datetime
    cpu: float
    cpu_limit: float | None
    memory_bytes: int
    memory_limit_bytes: int | None
    network_received_bytes: int | None
    network_sent_bytes: int | None
    processes: int | None
