"""A kernel client that writes what cells output into the shared notebook, and ends executions whose kernel dies or is restarted.

jupyter-server-nbmodel runs the cells of a notebook one after another over one client of its kernel, and waits for each reply without a
limit: a kernel that is killed, for instance for want of memory, would block its notebook for good. What a thread or task outputs after its
cell has ended would be lost.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

from studiograph_jupyter.cell_outputs import CellOutputs, Displays

POLL_SECONDS = 0.5
READY_TIMEOUT_SECONDS = 60
MESSAGE = "The kernel ended before the cell did: it was restarted, or it died, for instance for want of memory."

OutputHook = Callable[[dict[str, Any]], None]


class OutputChannel(AsyncZMQSocketChannel):
    """Shows every message to `observer`, whichever execution it belongs to."""

    observer: OutputHook | None = None

    async def get_msg(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        message: dict[str, Any] = await super().get_msg(*arguments, **options)
        if self.observer is not None:
            self.observer(message)
        return message


class NotebookKernelClient(AsyncKernelClient):
    """Compares the process of the kernel before and during an execution. Its `parent` is the kernel's manager."""

    iopub_channel_class = Type(OutputChannel)
    ready_process: int | None = None
    """The process id of the kernel whose messages this client is known to receive."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._displays = Displays()
        self._writers: dict[str, CellOutputs] = {}
        """By the id of the request that runs the cell; the last one of each cell."""
        self._next_writer: CellOutputs | None = None
        self._late_outputs: asyncio.Task[None] | None = None

    async def execute_interactive(
        self, code: str, *arguments: Any, output_hook: OutputHook | None = None, **options: Any
    ) -> dict[str, Any]:
        """Returns the kernel's reply, or one with an error, which is also shown in the output, if the kernel ends before."""
        if self._late_outputs is not None:
            self._late_outputs.cancel()
        process = self._process()
        await self._wait_for_messages_of(process)
        output_hook = self._output_hook(output_hook)
        execution = asyncio.ensure_future(super().execute_interactive(code, *arguments, output_hook=output_hook, **options))
        try:
            while not execution.done():
                await asyncio.wait([execution], timeout=POLL_SECONDS)
                if not execution.done() and await self._has_ended(process):
                    return self._error(output_hook)
            return await execution
        finally:
            execution.cancel()
            self._late_outputs = asyncio.create_task(self._read_late_outputs())

    def execute(self, *arguments: Any, **options: Any) -> str:
        request = str(super().execute(*arguments, **options))
        if self._next_writer is not None:
            self._writers[request], self._next_writer = self._next_writer, None
        return request

    def connect_iopub(self, *arguments: Any, **options: Any) -> Any:
        """Lets the socket hold any number of messages. It would drop those above 1,000, and with the last one the end of the execution."""
        socket, address = super().connect_iopub(*arguments, **options), self._make_url("iopub")
        socket.disconnect(address)
        socket.setsockopt(zmq.RCVHWM, 0)  # applies to connections made after it
        socket.connect(address)
        return socket

    def _output_hook(self, given: OutputHook | None) -> OutputHook | None:
        """Returns what is called with the outputs: nothing but `_write` if jupyter-server-nbmodel knows the cell to write them into."""
        cell = given.args[1] if isinstance(given, partial) else None
        if cell is None:
            return given
        self._writers = {request: writer for request, writer in self._writers.items() if writer.cell_id != cell["id"]}
        self._next_writer = CellOutputs(cell, self._displays)
        self.iopub_channel.observer = self._write
        return _ignore

    def _write(self, message: dict[str, Any]) -> None:
        writer = self._writers.get(message["parent_header"].get("msg_id", ""))
        if writer is not None:
            writer.handle(message)

    async def _read_late_outputs(self) -> None:
        """Reads until the next execution does."""
        while True:
            await self.iopub_channel.socket.poll()
            await self.iopub_channel.get_msg(timeout=0)

    def _process(self) -> int | None:
        return getattr(self.parent.provisioner, "pid", None)

    async def _has_ended(self, process: int | None) -> bool:
        return self._process() != process or not await self.parent.is_alive()

    async def _wait_for_messages_of(self, process: int | None) -> None:
        """Waits until the first message of the process arrives: sockets that connect again lose what is sent before."""
        if process != self.ready_process:
            await self.wait_for_ready(timeout=READY_TIMEOUT_SECONDS)
            self.ready_process = process

    def _error(self, output_hook: OutputHook | None) -> dict[str, Any]:
        error = {"ename": "KernelEnded", "evalue": MESSAGE, "traceback": [f"KernelEnded: {MESSAGE}"]}
        message = {"header": {"msg_type": "error"}, "msg_type": "error", "content": error}
        if output_hook is _ignore:
            list(self._writers.values())[-1].handle(message)
            self._writers.clear()  # what the kernel had sent before would appear below the error
        elif output_hook is not None:
            output_hook(message)
        return {"content": {"status": "error", "execution_count": None, **error}}


def _ignore(message: dict[str, Any]) -> None:
    """The channel's observer has written the message."""
