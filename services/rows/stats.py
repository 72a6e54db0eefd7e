"""The row class of the resource usage of a running session."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SessionStatsRow:
    """One measurement: cpu in cores, the rest in bytes. A limit is None if there is none, another field if it is not measured."""

    at: datetime
    cpu: float
    cpu_limit: float | None
    memory_bytes: int
    memory_limit_bytes: int | None
    network_received_bytes: int | None
    network_sent_bytes: int | None
    processes: int | None
