"""Runs threads and programs such that a cancelled caller waits for their end, so that nothing continues in the background."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

MAX_LINE_BYTES = 1 << 20
Line = Callable[[str], Awaitable[None]]


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs short blocking work in a thread. A cancelled call waits until the thread is done, since a thread cannot be stopped."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def run_program(
    argv: Sequence[str],
    *,
    on_line: Line | None = None,
    keep: tuple[int, ...] = (),
    env_vars: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    max_bytes: int | None = None,
) -> tuple[int, str]:
    """Runs a program to its end; returns its exit code and its output. A cancelled call kills it and its children, and waits for that.

    `keep` are descriptors that the program inherits, so that it holds a lock if this server is killed. `env_vars` are all of its variables
    (None: those of the server). What it prints beyond `max_bytes` is read and dropped.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        pass_fds=keep,
        limit=MAX_LINE_BYTES,
        env=env_vars,
        cwd=cwd,
    )
    assert process.stdout is not None
    lines, size = [], 0
    try:
        async for raw in process.stdout:
            size += len(raw)
            if max_bytes is not None and size > max_bytes:
                continue
            lines.append(raw.decode(errors="replace"))
            if on_line:
                await on_line(lines[-1].rstrip())
        return await process.wait(), "".join(lines)
    finally:
        if process.returncode is None:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(asyncio.ensure_future(process.communicate()))
