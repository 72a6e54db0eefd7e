"""Cancels tasks and waits for their end at shutdown, so that an interrupted read can return its database connection first."""

import asyncio

CANCEL_TIMEOUT_SECONDS = 5
"""How long a shutdown waits for cancelled tasks: a database that does not answer must not block it."""


class CancelledTasks:
    """Holds references to cancelled tasks until they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self, task: asyncio.Task[None] | None) -> None:
        """Cancels the task, if there is one and it is not done."""
        if task and not task.done():
            task.cancel()
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Returns when all cancelled tasks are done, or after CANCEL_TIMEOUT_SECONDS."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=CANCEL_TIMEOUT_SECONDS)
