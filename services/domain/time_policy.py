"""The time limits and intervals of the server, with their defaults, which the settings use as well."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class TimePolicy:
    """Deadlines, intervals and retention periods of sessions, leases and events."""

    start_deadline: timedelta = timedelta(minutes=15)
    stop_deadline: timedelta = timedelta(minutes=10)
    build_deadline: timedelta = timedelta(minutes=60)
    force_stop_delay: timedelta = timedelta(minutes=10)
    stop_grace: timedelta = timedelta(seconds=30)
    checkpoint_interval: timedelta = timedelta(minutes=5)
    lifespan_hours: int = 8
    warning_time: timedelta = timedelta(minutes=10)
    observe_interval: timedelta = timedelta(seconds=30)
    lease_duration: timedelta = timedelta(seconds=15)
    event_retention: timedelta = timedelta(days=90)

    def save_interval(self, workspace_seconds: int | None) -> timedelta:
        """Returns the time between two saves of a running session: the workspace's, else the server's; 0 = no periodic saves."""
        return self.checkpoint_interval if workspace_seconds is None else timedelta(seconds=workspace_seconds)
