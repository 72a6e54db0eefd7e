"""Tasks that are being ended: a read that is cut off gives its connection back first, and a shutdown waits for that."""

import asyncio

LIMIT_SECONDS = 5
"""A database that does not even answer a goodbye must not keep us from ending."""


class TaskCleanup:
    """Holds tasks from when they are cancelled until they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def end(self, task: asyncio.Task[None] | None) -> None:
        """Cancel it, if there is one."""
        if task and not task.done():
            task.cancel()
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Return when all are done, or after LIMIT_SECONDS."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=LIMIT_SECONDS)
