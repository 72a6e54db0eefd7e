"""A kernel client whose executions end with an error when their kernel dies or is restarted.

jupyter-server-nbmodel runs the cells of a notebook one after another over one client of its kernel, and waits for each reply without a
limit: a kernel that is killed, for instance for want of memory, would block its notebook for good.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient

POLL_SECONDS = 0.5
READY_TIMEOUT_SECONDS = 60
MESSAGE = "The kernel ended before the cell did: it was restarted, or it died, for instance for want of memory."


class RestartAwareClient(AsyncKernelClient):
    """Compares the process of the kernel before and during an execution. Its `parent` is the kernel's manager."""

    ready_process: int | None = None
    """The process id of the kernel whose messages this client is known to receive."""

    async def execute_interactive(
        self, code: str, *arguments: Any, output_hook: Callable[[dict[str, Any]], None] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Returns the kernel's reply, or one with an error, which is also shown in the output, if the kernel ends before."""
        process = self._process()
        await self._wait_for_messages_of(process)
        execution = asyncio.ensure_future(super().execute_interactive(code, *arguments, output_hook=output_hook, **options))
        try:
            while not execution.done():
                await asyncio.wait([execution], timeout=POLL_SECONDS)
                if not execution.done() and await self._has_ended(process):
                    return _error(output_hook)
            return await execution
        finally:
            execution.cancel()

    def _process(self) -> int | None:
        return getattr(self.parent.provisioner, "pid", None)

    async def _has_ended(self, process: int | None) -> bool:
        return self._process() != process or not await self.parent.is_alive()

    async def _wait_for_messages_of(self, process: int | None) -> None:
        """Waits until the first message of the process arrives: sockets that connect again lose what is sent before."""
        if process != self.ready_process:
            await self.wait_for_ready(timeout=READY_TIMEOUT_SECONDS)
            self.ready_process = process


def _error(output_hook: Callable[[dict[str, Any]], None] | None) -> dict[str, Any]:
    error = {"ename": "KernelEnded", "evalue": MESSAGE, "traceback": [f"KernelEnded: {MESSAGE}"]}
    if output_hook is not None:
        output_hook({"header": {"msg_type": "error"}, "msg_type": "error", "content": error})
    return {"content": {"status": "error", "execution_count": None, **error}}
