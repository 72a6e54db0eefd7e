"""The time limits and intervals of the server, with their defaults. The settings take theirs from here."""

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
    event_retention: timedelta = timedelta(days=90)

    def save_interval(self, workspace_seconds: int | None) -> timedelta:
        """The time between two saves of a running session, as the workspace sets it, else the server; 0 = no periodic saves."""
        return self.checkpoint_interval if workspace_seconds is None else timedelta(seconds=workspace_seconds)
