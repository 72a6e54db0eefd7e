"""The client of a session's keeper process: starts it, and asks it to stop or freeze the session."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.compute.process.cancellation import in_thread
from services.compute.process.data_directory import SessionDirectory, SessionRecord
from services.compute.process.state import State
from services.compute.protocol import ComputeFailed, ComputeUnknown

KEEPER = Path(__file__).with_name("keeper.py")
START_TIMEOUT_SECONDS = 30
ANSWER_TIMEOUT_SECONDS = 10.0
MAX_FREEZE_SECONDS = 600
"""How long a session may be frozen for a save, also if the server that saves it hangs."""


@dataclass(frozen=True, slots=True)
class Command:
    """What the keeper runs. `env_vars` are all variables of the tool; nothing else is inherited."""

    argv: Sequence[str]
    env_vars: Mapping[str, str]
    cwd: Path


async def start(directory: SessionDirectory, session_record: SessionRecord, command: Command, lock: int) -> None:
    """Starts the keeper; returns once the tool is started. Raises ComputeFailed, ComputeUnknown.

    The keeper also holds the session's lock until then: if this server is killed, no other takes the session for not started.
    """
    orders = {
        "directory": str(directory.path),
        "argv": list(command.argv),
        "environment": dict(command.env_vars),
        "cwd": str(command.cwd),
        "control": str(session_record.keeper_socket),
        "lock": lock,
    }
    answer = await in_thread(_launch, json.dumps(orders), lock)
    if "error" in answer and State.read(directory.state) is None:
        raise ComputeFailed(f"The session could not be started: {answer['error']}.")


def _launch(orders: str, lock: int) -> dict[str, Any]:
    """Runs the keeper, which goes into the background at once. It gets no variables, since those of the server hold secrets."""
    argv = [sys.executable, "-I", "-S", str(KEEPER)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            argv,
            input=orders,
            env={},
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_SECONDS,
            cwd="/",
            start_new_session=True,
            pass_fds=(lock,),
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComputeUnknown(f"The session's keeper does not start: {error}") from error
    except ValueError as error:
        raise ComputeFailed(f"The session's keeper does not start: {done.stderr.strip().splitlines()[-1:]}") from error
    return answer


async def stop(directory: SessionDirectory, session_record: SessionRecord, grace: timedelta) -> None:
    """Has the keeper send SIGTERM, and after `grace` SIGKILL to all processes; returns when all have ended. Raises ComputeUnknown."""
    seconds = max(0.0, grace.total_seconds())
    try:
        async with asyncio.timeout(seconds + ANSWER_TIMEOUT_SECONDS), _request(session_record, {"do": "stop", "grace": seconds}):
            pass
    except (OSError, TimeoutError) as error:
        if (state := State.read(directory.state)) and state.has_keeper:
            raise ComputeUnknown(f"The session's keeper does not answer: {error}") from error


@asynccontextmanager
async def frozen(session_record: SessionRecord) -> AsyncIterator[None]:
    """Freezes the session's processes for the block. They are resumed after it, also if this server dies. Raises ComputeUnknown."""
    async with AsyncExitStack() as stack:
        try:
            answer = await stack.enter_async_context(
                _request(session_record, {"do": "freeze", "limit": MAX_FREEZE_SECONDS}, ANSWER_TIMEOUT_SECONDS)
            )
        except (OSError, TimeoutError) as error:
            raise ComputeUnknown(f"The session's keeper does not answer: {error}") from error
        if "frozen" not in answer:
            raise ComputeUnknown("The session cannot be paused, because it is ending.")
        yield


@asynccontextmanager
async def _request(session_record: SessionRecord, order: dict[str, Any], within: float | None = None) -> AsyncIterator[dict[str, Any]]:
    """Sends one order and yields the answer ({} if the keeper left without one). The connection stays open for the block."""
    reader, writer = await asyncio.open_unix_connection(str(session_record.keeper_socket))
    try:
        writer.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(within):
            line = await reader.readline()
        yield json.loads(line) if line else {}
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
