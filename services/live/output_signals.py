"""Rings when an output has grown, in whatever process: for those who wait for more of it (B84)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource


class OutputSignals:
    """One in each process; a ring is a hint to look, and may be missed."""

    def __init__(self, wakeups: WakeSource) -> None:
        self._wakeups = wakeups
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._unsubscribe = self._wakeups.subscribe(self._woken)

    def close(self) -> None:
        self._unsubscribe()

    @contextmanager
    def of(self, output_id: str) -> Iterator[asyncio.Event]:
        """Set whenever the output has grown or was closed; whoever waits clears it."""
        bell = asyncio.Event()
        self._bells.setdefault(output_id, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[output_id].discard(bell)
            if not self._bells[output_id]:
                del self._bells[output_id]

    def _woken(self, wake: Wake) -> None:
        if wake.topic == "output":
            _ring(self._bells.get(wake.key, set()))
        elif wake.topic == "lost":
            for output_signals in self._bells.values():
                _ring(output_signals)


def _ring(output_signals: set[asyncio.Event]) -> None:
    for bell in output_signals:
        bell.set()
