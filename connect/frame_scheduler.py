"""Runs the parsing of WebSocket frames of all connections in time slices, so that no flood of small frames stops the event loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

SLICE_SECONDS = 0.004
"""The time of one turn of the event loop that the parsing of all connections takes together; a step that has begun is finished."""
PARSED_BYTES = 1024
"""The bytes that one step parses. The smallest frames have two bytes, and cost some microseconds each."""

Step = Callable[[], bool]
"""Parses some bytes of one connection, and returns whether it can go on."""


class FrameScheduler:
    """Runs steps at once while the turn has time left. Connections that have to wait are served one after another, a slice each."""

    def __init__(self) -> None:
        self._waiting: deque[Step] = deque()
        self._slice_began = 0.0
        self._is_turn_marked = False

    def submit(self, step: Step) -> None:
        """Runs the step until it cannot go on, now or in later turns."""
        if self._waiting or not self._has_time():
            self._waiting.append(step)
        else:
            self._run(step)

    def _run(self, step: Step) -> None:
        while step():
            if not self._has_time():
                self._waiting.append(step)
                return

    def _has_time(self) -> bool:
        if not self._is_turn_marked:
            self._mark_turn()
        return time.perf_counter() - self._slice_began < SLICE_SECONDS

    def _mark_turn(self) -> None:
        self._is_turn_marked = True
        self._slice_began = time.perf_counter()
        asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._is_turn_marked = False
        while self._waiting and self._has_time():
            self._run(self._waiting.popleft())
