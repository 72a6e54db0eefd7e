"""A loop whose time passes at once: what waits is woken in the order of its times, and every run is the same."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _InstantSelector(selectors.SelectSelector):
    """Waits for nothing; notes how long the loop would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        self.waited += max(timeout, 0)
        return super().select(0)


class InstantLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own, in seconds from 0."""

    def __init__(self) -> None:
        self._instant = _InstantSelector()
        super().__init__(self._instant)

    def time(self) -> float:
        return self._instant.waited


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on an InstantLoop."""
    with asyncio.Runner(loop_factory=InstantLoop) as runner:
        runner.run(main)
