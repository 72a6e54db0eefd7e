"""The client of the program that copies a session's files beforehand. Whoever leaves its block ends the program."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.compute.staging.errors import StagingFailed, StagingTimeout

SOURCES = Path(__file__).parents[3]
BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from services.compute.staging.program import main; main()"
PIECE_BYTES = 1 << 20
PREPARE_TIMEOUT_SECONDS = 300.0
PAUSE_TIMEOUT_SECONDS = 30.0
"""How long a session may be paused for the last changes. After that it goes on, and is saved in the other way."""


@dataclass(frozen=True, slots=True)
class LiveDirectory:
    """The directory that a session writes to, with the numbers that tell it from another one. `is_overlay`: the upper one of an overlay."""

    path: Path
    device: int
    inode: int
    is_overlay: bool

    @classmethod
    def of(cls, path: Path, *, is_overlay: bool) -> "LiveDirectory":
        status = path.lstat()
        return cls(path, status.st_dev, status.st_ino, is_overlay)


class StagedLayer:
    """The layer that a copy makes: its length in bytes, and once `pieces` came to its end, its digest."""

    def __init__(self, staging: "Staging", length: int, *, is_empty: bool) -> None:
        self.length, self.is_empty = length, is_empty
        self.digest = ""
        self.failure: StagingFailed | None = None
        """Why `pieces` ended early: whoever sends them somewhere may hide its error."""
        self._staging = staging

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yields the layer's tar. Raises StagingFailed."""
        await self._staging.send("layer")
        left = self.length
        while left and (piece := await self._staging.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
        try:
            self.digest = (await self._staging.answer())["digest"]
        except StagingFailed as error:
            self.failure = error
            raise


class Staging:
    """The running program."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._orders, self._answers = process.stdin, process.stdout

    async def prepare(self) -> None:
        """Copies what there is while the session runs. Raises StagingFailed."""
        await self._do("prepare")

    async def finish(self) -> None:
        """Copies what has changed since, while the session is paused. Raises StagingFailed."""
        await self._do("finish")

    async def layer(self) -> StagedLayer:
        """Returns the layer that the copy makes. Raises StagingFailed."""
        measured = await self._do("measure")
        return StagedLayer(self, measured["bytes"], is_empty=measured["empty"])

    async def archive(self, target: Path) -> tuple[str, int]:
        """Writes an archive of the process kind; returns its digest and its size in bytes. Raises StagingFailed."""
        written = await self._do("archive", target=os.fspath(target))
        return written["digest"], written["size"]

    async def _do(self, order: str, **values: str) -> dict[str, Any]:
        await self.send(order, **values)
        return await self.answer()

    async def send(self, order: str, **values: str) -> None:
        with suppress(ConnectionError):  # the answer will be missing
            self._orders.write(json.dumps({"do": order, **values}).encode() + b"\n")
            await self._orders.drain()

    async def answer(self) -> dict[str, Any]:
        """Returns the next answer. Raises StagingFailed."""
        line = await self._answers.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise StagingFailed("the program that copies files ended") from error
        if "error" in answer:
            raise StagingFailed(answer["error"])
        return answer

    async def read(self, count: int) -> bytes:
        return await self._answers.read(count)


async def within(seconds: float, step: Coroutine[Any, Any, None]) -> None:
    """Raises StagingTimeout if the step takes longer."""
    try:
        async with asyncio.timeout(seconds):
            await step
    except TimeoutError as error:
        raise StagingTimeout(f"a step took longer than {seconds:g} s") from error


@asynccontextmanager
async def staging(live: LiveDirectory, contents: Path, lock: int) -> AsyncIterator[Staging]:
    """Runs the program for the block; it holds the lock, too. `contents` is the directory of its copies. Raises StagingFailed."""
    argument = json.dumps(
        {
            "live": os.fspath(live.path),
            "device": live.device,
            "inode": live.inode,
            "contents": os.fspath(contents),
            "overlay": live.is_overlay,
        }
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-X", "utf8", "-c", BOOT, os.fspath(SOURCES), argument),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={},
        cwd="/",
        pass_fds=(lock,),
        start_new_session=True,
        limit=PIECE_BYTES,
    )
    try:
        running = Staging(process)
        await running.answer()
        yield running
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(asyncio.ensure_future(process.communicate()))
