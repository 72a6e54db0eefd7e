"""Runs programs in the containers of sessions, beside their tools."""

import asyncio
from typing import Any

from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.compute.session_programs import SessionProgram

READ_BYTES = 1 << 16
LAUNCHER = 'limit=$(command -v timeout) && exec "$limit" -s KILL "$0" "$@"; exec "$@"'
"""Ends the program after `$0` seconds where the image has `timeout`: an engine cannot end what it runs for a client."""
GRACE_SECONDS = 5.0
"""How long after its own limit a program is waited for."""


async def run(engine: Engine, container_id: str, program: SessionProgram) -> bytes:
    """Runs the program to its end, or until it has printed enough, and returns its output. Raises ComputeFailed, ComputeUnknown."""
    argv = ["/bin/sh", "-c", LAUNCHER, f"{program.seconds:g}", *program.argv]
    body = {"AttachStdout": True, "AttachStderr": False, "Tty": True, "Cmd": argv}
    try:
        created = await engine.call("POST", f"containers/{container_id}/exec", body=body)
        return await _output(engine, f"exec/{created['Id']}/start", program)
    except (Absent, Conflict) as error:
        raise ComputeUnknown(f"the session went away while a program was run in it: {error}") from error


async def _output(engine: Engine, path: str, program: SessionProgram) -> bytes:
    limit, output = program.seconds + GRACE_SECONDS, bytearray()
    start: dict[str, Any] = {"Detach": False, "Tty": True}
    try:
        async with asyncio.timeout(limit), engine.stream("POST", path, {}, limit, body=start) as response:
            while len(output) < program.max_bytes:
                async with engine.reading(path):
                    piece = await response.content.read(READ_BYTES)
                if not piece:
                    break
                output += piece
    except TimeoutError:
        raise ComputeFailed(f"A program in the session did not end within {program.seconds:g} s.") from None
    return bytes(output[: program.max_bytes])
