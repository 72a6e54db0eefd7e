"""Measures for how long one turn of the event loop keeps all others waiting."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class LongestTurn:
    """The longest turn so far, in seconds of the thread's processor time, which other processes of the machine do not lengthen."""

    seconds: float = 0.0


@contextmanager
def longest_turn() -> Iterator[LongestTurn]:
    """Measures every turn of the running loop until the context ends.

    Without the garbage collector, whose pauses grow with what other tests left in memory.
    """
    loop, longest, is_measuring = asyncio.get_running_loop(), LongestTurn(), True
    before = time.thread_time()

    def tick() -> None:
        nonlocal before
        now = time.thread_time()
        longest.seconds, before = max(longest.seconds, now - before), now
        if is_measuring:
            loop.call_soon(tick)

    gc.disable()
    loop.call_soon(tick)
    try:
        yield longest
    finally:
        is_measuring = False
        gc.enable()
