"""Waits for what is to come, with one limit for all tests: far more than anything takes on a busy machine."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

WAIT_LIMIT_S = 60.0
"""Seconds after which a wait fails. A test that must end sooner by a rule of ours states that rule's limit itself."""
POLL_S = 0.02
T = TypeVar("T")


async def soon(awaitable: Awaitable[T], limit: float = WAIT_LIMIT_S) -> T:
    """Returns the awaitable's result. Raises TimeoutError after `limit` seconds."""
    return await asyncio.wait_for(awaitable, limit)


async def eventually(condition: Callable[[], Awaitable[T | None]], limit: float = WAIT_LIMIT_S, every: float = POLL_S) -> T:
    """Returns the condition's first true answer, asked for every `every` seconds. Raises TimeoutError after `limit` seconds.

    For what no event tells: files, processes, rows that another process writes.
    """
    async with asyncio.timeout(limit):
        while True:
            answer = await condition()
            if answer:
                return answer
            await asyncio.sleep(every)


async def until(condition: Callable[[], object], limit: float = WAIT_LIMIT_S) -> None:
    """Returns when the condition holds, which costs nothing to ask. Raises TimeoutError after `limit` seconds."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - for state that sets no event
            await asyncio.sleep(0)


def promised(seconds: float) -> float:
    """Returns the limit, in seconds, for what takes at most `seconds` where a processor is free: longer the more work waits for one."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
