"""Stops asking an engine that does not answer: hundreds of Studios on it would wait, retry and write for nothing."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.compute.engine_calls import EngineCalls
from services.compute.protocol import EngineSilent
from services.runtime.background_loop import Backoff

MAX_FAILURES = 3
"""So many calls in a row without an answer open the circuit."""
PROBES = Backoff(first_seconds=0.5, max_seconds=5.0)
"""The pauses between the probes of an engine whose circuit is open: all must be well within 10 s of its return (B31)."""


class CircuitBreaker:
    """Counts the calls to one engine that got no answer. While it is open, calls fail at once, but for probes (`probe`).

    `on_open` is called when it opens, so that a probe begins. `calls` counts all calls.
    """

    def __init__(self, on_open: Callable[[], None], calls: EngineCalls | None = None) -> None:
        self._on_open = on_open
        self._calls = calls or EngineCalls("")
        self._failures = 0
        self._closed = asyncio.Event()
        self._closed.set()

    @property
    def is_open(self) -> bool:
        """True while calls are refused."""
        return not self._closed.is_set()

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        """Counts a call to the engine. Raises EngineSilent at once while the circuit is open."""
        if self.is_open:
            self._calls.note_refusal(operation)
            raise EngineSilent("it has not answered for a while; it is asked again soon")
        with self.probe(operation):
            yield

    @contextmanager
    def probe(self, operation: str) -> Iterator[None]:
        """Counts a call that is made whether or not the circuit is open: an answer of any kind closes it."""
        try:
            with self._calls.call(operation):
                yield
        except EngineSilent:
            self.note_silence()
            raise
        except Exception:
            self._note_answer()
            raise
        self._note_answer()

    def note_silence(self) -> None:
        """Counts a call that was given up without an answer."""
        self._failures += 1
        if self._failures >= MAX_FAILURES and not self.is_open:
            self._closed.clear()
            self._calls.note_silent(is_silent=True)
            self._on_open()

    def next_probe_seconds(self) -> float:
        """Returns the pause before the next probe, after at least one failure."""
        return PROBES.pause(max(self._failures - MAX_FAILURES + 1, 1))

    async def wait_closed(self) -> None:
        """Returns at once while the circuit is closed, else once the engine has answered."""
        await self._closed.wait()

    def _note_answer(self) -> None:
        self._failures = 0
        self._closed.set()
        self._calls.note_silent(is_silent=False)
