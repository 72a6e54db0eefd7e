"""Runs commits: one at a time for each container, and each to its end, even if its caller was cancelled.

An engine goes on with a commit whose caller went away. So does this module: only then is it known when the container is resumed, and the
next save finds what the interrupted one made.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from services.compute.docker.request_bodies import Image
from services.compute.protocol import ComputeUnknown


class Commits:
    """Tracks the running commits by container id."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Image]] = {}
        self._lost: set[str] = set()

    async def run(self, container_id: str, commit: Callable[[], Coroutine[Any, Any, Image]]) -> Image:
        """Returns the result of `commit`, which begins once those before it have ended. Raises ComputeUnknown if it is closed meanwhile."""
        await self.over(container_id)
        self._lost.discard(container_id)
        task = self._tasks[container_id] = asyncio.create_task(commit(), name=f"commit {container_id[:12]}")
        task.add_done_callback(lambda ended: self._ended(container_id, ended))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and not _is_cancelling():
                raise ComputeUnknown("the connection to the Docker Engine was closed during the save") from None
            raise

    async def over(self, container_id: str) -> None:
        """Waits until no commit of the container runs."""
        while (task := self._tasks.get(container_id)) is not None:
            await asyncio.wait([task])

    def lost(self, container_id: str) -> bool:
        """Returns whether its last commit ended without an answer."""
        return container_id in self._lost

    async def close(self) -> None:
        """Cancels the calls that wait for commits; the engine completes the commits."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, container_id: str, task: asyncio.Task[Image]) -> None:
        del self._tasks[container_id]
        if not task.cancelled() and isinstance(task.exception(), ComputeUnknown):
            self._lost.add(container_id)


def _is_cancelling() -> bool:
    """Returns whether the caller itself is being cancelled, rather than what it waits for."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
