"""Measures how late the event loop runs its timers: what holds it delays every request and stream of the process."""

import asyncio

from services.runtime import metrics

INTERVAL_SECONDS = 0.1


class EventLoopDelay:
    """Sets a timer again and again, and records how much later than requested it fired."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins in the running event loop."""
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._fired)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _fired(self) -> None:
        assert self._timer is not None
        metrics.EVENT_LOOP_DELAY.observe(max(asyncio.get_running_loop().time() - self._timer.when(), 0.0))
        self.start()
