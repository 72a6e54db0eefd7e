"""Signals readers of a log when more output was stored, by whichever process (B84)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource


class OutputSignals:
    """Sets one asyncio event per reader; one instance in each process. Signals may be lost, so readers poll as well."""

    def __init__(self, wakeups: WakeSource) -> None:
        self._wakeups = wakeups
        self._signals: dict[str, set[asyncio.Event]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._unsubscribe = self._wakeups.subscribe(self._woken)

    def close(self) -> None:
        self._unsubscribe()

    @property
    def watched(self) -> frozenset[str]:
        """The ids of the outputs that somebody waits for at this moment."""
        return frozenset(self._signals)

    @contextmanager
    def signal_for(self, output_id: str) -> Iterator[asyncio.Event]:
        """Returns an event that is set whenever the output grows or is closed. The reader clears it."""
        signal = asyncio.Event()
        self._signals.setdefault(output_id, set()).add(signal)
        try:
            yield signal
        finally:
            self._signals[output_id].discard(signal)
            if not self._signals[output_id]:
                del self._signals[output_id]

    def _woken(self, wake: Wake) -> None:
        if wake.topic == "output":
            _set_all(self._signals.get(wake.key, set()))
        elif wake.topic == "lost":
            for signals in self._signals.values():
                _set_all(signals)


def _set_all(signals: set[asyncio.Event]) -> None:
    for signal in signals:
        signal.set()
