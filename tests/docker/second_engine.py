"""A Docker Engine of a test's own, to stop, kill, freeze and start again: its own root, socket and bridge. Needs root."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import eventually

STARTS = 3
START_LIMIT_S = 30.0
"""Seconds after which a start is tried again."""


@dataclass
class SecondEngine:
    """`live_restore`: containers live on without it."""

    directory: Path
    bridge: str
    live_restore: bool
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    async def start(self) -> None:
        """Ready to answer. Right after a kill the old containerd may still be in the way: then it is tried again."""
        for _ in range(STARTS):
            for left in self.directory.rglob("*.pid"):
                left.unlink()
            with (self.directory / "log").open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(*self._command(), stdout=log, stderr=log, start_new_session=True)
            with suppress(TimeoutError):
                await eventually(self._answers, START_LIMIT_S, 0.1)
                return
            await self.end(signal.SIGKILL)
            self._mend()
        raise AssertionError((self.directory / "log").read_text()[-2000:])

    def _mend(self) -> None:
        """What an operator does where a kill left records of networks on which this engine (20.10) panics at every start: forget them."""
        if "libnetwork" in (self.directory / "log").read_text()[-4000:]:
            (self.directory / "root/network/files/local-kv.db").unlink(missing_ok=True)

    def _command(self) -> list[str]:
        where = self.directory
        paths = ["--data-root", f"{where}/root", "--exec-root", f"{where}/exec", "--pidfile", f"{where}/docker.pid", "--host", self.url]
        network = ["--bridge", self.bridge, "--iptables=false", "--ip-masq=false"]
        return ["dockerd", *paths, *network, *(["--live-restore"] if self.live_restore else [])]

    async def _answers(self) -> bool:
        assert self.process is not None
        if self.process.returncode is not None:
            raise TimeoutError
        asked = await asyncio.create_subprocess_exec(
            "docker", "-H", self.url, "ps", "-q", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        return await asked.wait() == 0

    async def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        await self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def second_engine(directory: Path, *, live_restore: bool) -> AsyncIterator[SecondEngine]:
    """Started; at the end it is gone with all its containers and files."""
    number = os.getpid() % 200 + 20
    engine = SecondEngine(directory, f"sgt{number}", live_restore)
    _ip("link", "add", engine.bridge, "type", "bridge")
    try:
        _ip("addr", "add", f"10.215.{number}.1/24", "dev", engine.bridge)
        _ip("link", "set", engine.bridge, "up")
        await engine.start()
        yield engine
    finally:
        await _discard(engine)


async def _discard(engine: SecondEngine) -> None:
    if engine.process is not None:
        with suppress(ProcessLookupError):
            engine.resume()
        with suppress(OSError, subprocess.CalledProcessError):
            for container_id in _docker(engine, "ps", "-aq").split():
                _docker(engine, "rm", "-f", container_id)
        await engine.end(signal.SIGTERM)
    _clear(engine)


def _clear(engine: SecondEngine) -> None:
    for mount in sorted(_mounts(engine.directory), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False)
    _ip("link", "delete", engine.bridge)
    shutil.rmtree(engine.directory, ignore_errors=True)


def _docker(engine: SecondEngine, *words: str) -> str:
    return subprocess.run(["docker", "-H", engine.url, *words], capture_output=True, check=True, timeout=60).stdout.decode()


def _mounts(directory: Path) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{directory}/")]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
