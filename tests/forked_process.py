"""A `python -m studiograph` forked by `tests.fork_server`, with the part of asyncio's `Process` that tests use."""

import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class ForkedProcess:
    """A running process; `returncode` is set once `wait` has returned, which also closes `stdout`."""

    pid: int
    stdout: asyncio.StreamReader
    status: asyncio.StreamReader
    pipes: tuple[asyncio.BaseTransport, ...]
    returncode: int | None = None

    def send_signal(self, number: signal.Signals) -> None:
        """Raises ProcessLookupError if it has ended."""
        os.kill(self.pid, number)

    async def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(await self.status.readline())
            for pipe in self.pipes:
                pipe.close()
        return self.returncode


async def fork(arguments: list[str], directory: Path, environment: Mapping[str, str], log: int) -> ForkedProcess:
    """Starts `python -m studiograph` with these arguments; its log goes to the descriptor `log`."""
    request = json.dumps({"arguments": arguments, "directory": str(directory), "environment": dict(environment)})
    (stdout, stdout_end), (status, status_end) = os.pipe(), os.pipe()
    try:
        socket.send_fds(_requests(), [request.encode()], [stdout_end, log, status_end])
    finally:
        os.close(stdout_end)
        os.close(status_end)
    output, output_pipe = await _reader(stdout)
    status_lines, status_pipe = await _reader(status)
    return ForkedProcess(int(await status_lines.readline()), output, status_lines, (output_pipe, status_pipe))


async def _reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader()
    file = os.fdopen(descriptor, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return reader, transport


@functools.cache
def _requests() -> socket.socket:
    """The socket to a fork server of this process's own, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDIOGRAPH_")} | {"PYTHONUNBUFFERED": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())]
    server = subprocess.Popen(command, cwd=Path(__file__).parent.parent, env=environment, pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours
