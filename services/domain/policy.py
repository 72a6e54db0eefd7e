"""The times and sizes that an operator may set, with their defaults. The composition root fills them from settings."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """How long things may take, and how often they happen."""

    start_deadline: timedelta = timedelta(minutes=15)
    stop_deadline: timedelta = timedelta(minutes=10)
    build_deadline: timedelta = timedelta(minutes=60)
    force_after: timedelta = timedelta(minutes=10)
    stop_grace: timedelta = timedelta(seconds=30)
    checkpoint_interval: timedelta = timedelta(minutes=5)
    lifespan_hours: int = 8
    warn_before: timedelta = timedelta(minutes=10)
    observe_every: timedelta = timedelta(seconds=30)
    lease: timedelta = timedelta(seconds=15)
    event_retention: timedelta = timedelta(days=30)
