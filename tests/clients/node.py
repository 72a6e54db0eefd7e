"""Programs for Node.js in this folder, and the packages they need (exact versions: package-lock.json)."""

import asyncio
import fcntl
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests import needs
from tests.waiting import WAIT_LIMIT_S

HERE = Path(__file__).parent
INSTALL_SECONDS = 120


def install() -> None:
    """Installs the packages unless they are there, one process at a time; where that fails, the test ends as for a missing need."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            _install()


def _install() -> None:
    try:
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        problem = done.stderr[-500:] if done.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        needs.lacking("node", f"the client packages cannot be installed: {problem}")


class Program:
    """A running program that prints one JSON value a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> Any:
        """The next value; None at the end. Raises TimeoutError."""
        assert self._process.stdout
        async with asyncio.timeout(WAIT_LIMIT_S):
            text = await self._process.stdout.readline()
        return json.loads(text) if text else None

    async def until(self, *beginning: object) -> list[Any]:
        """The values up to one that begins like `wanted`."""
        lines: list[Any] = []
        while not lines or lines[-1][: len(beginning)] != list(beginning):
            value = await self.line()
            assert value is not None, lines
            lines.append(value)
        return lines

    async def rest(self) -> list[Any]:
        """All values until it ends."""
        lines = []
        while (value := await self.line()) is not None:
            lines.append(value)
        return lines


@asynccontextmanager
async def run(name: str, *arguments: str) -> AsyncIterator[Program]:
    """Run `name` of this folder; it is ended with the block."""
    install()
    process = await asyncio.create_subprocess_exec("node", str(HERE / name), *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
