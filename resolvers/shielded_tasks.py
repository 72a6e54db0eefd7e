"""Runs coroutines to their end, whatever happens to those who wait for them, and waits for the unfinished ones at shutdown."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")


class ShieldedTasks:
    """Tasks that are not cancelled with those who wait for them: a client that went away, or a time limit that has passed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, coroutine: Coroutine[Any, Any, T], name: str) -> T:
        """Returns the result of `coroutine`. If this call is cancelled, the coroutine runs on as a task called `name`."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def close(self, timeout: float) -> None:
        """Waits for the unfinished tasks. Those that have not ended after `timeout` seconds are cancelled; their transactions roll back."""
        if self._tasks:
            logger.info("Waiting for unfinished mutations: %s", self._names())
        try:
            async with asyncio.timeout(timeout):
                await self._all_ended()
        except TimeoutError:
            logger.warning("Cancelling mutations that did not end within %g s: %s", timeout, self._names())
            for task in self._tasks:
                task.cancel()
            await self._all_ended()

    async def _all_ended(self) -> None:
        while self._tasks:  # a task may start others before it ends
            await asyncio.wait(self._tasks)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has been told; a task that nobody waits for any more leaves no warning behind

    def _names(self) -> str:
        return ", ".join(sorted(task.get_name() for task in self._tasks))
