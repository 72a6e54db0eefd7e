"""How soon a subscriber hears of it: a tool that begins to answer, and a session's process killed from outside.

Run: python -m benchmarks.bench_status_latency [rounds]. Beside the latencies it prints how long the same tool takes to answer
when it is started by hand, and the whole start as a ratio to that; and what the idle server holds in memory.
"""

import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

import httpx
from sqlalchemy import select

from benchmarks.latency import START, WATCH, create, memory_mib, tell, until
from services.store import migrate
from services.store.db.database import Database
from services.store.tables import core
from tests.server import ROOT, Server, running


async def by_hand(directory: Path) -> float:
    """Seconds from the start of the tool's process to its first answer, without us."""
    socket = directory / "by-hand.sock"
    socket.unlink(missing_ok=True)
    began = time.time()
    environment = {**os.environ, "CONNECT_TOOL_SOCKET": str(socket)}
    process = subprocess.Popen([sys.executable, str(ROOT / "tests/tools/tiny.py")], env=environment, stdout=subprocess.DEVNULL)  # noqa: ASYNC220 - a benchmark
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket))) as client:
        while True:
            try:
                await client.get("http://tool/")
                break
            except httpx.HTTPError:
                await asyncio.sleep(0.002)
    took = time.time() - began
    process.kill()
    process.wait()
    return took


async def upstream(database: Database) -> Path:
    """The unix socket of the newest session."""
    async with database.read() as reader:
        newest = select(core.session.c.upstream).order_by(core.session.c.number.desc()).limit(1)
        return Path((await reader.execute(newest)).scalar_one()["unix"])


async def rounds(server: Server, count: int) -> dict[str, list[float]]:
    database = Database(server.database_url)
    studio = await create(server, "Measured")
    found: dict[str, list[float]] = {"answer": [], "killed": [], "start": [], "hand": []}
    async with aclosing(server.subscribe(WATCH, {"id": studio})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        for _ in range(count):
            began = time.time()
            await server.graphql(START, {"id": studio})
            running_at = await until(frames, "RUNNING")
            socket = await upstream(database)
            found["start"].append(running_at - began)
            found["answer"].append(running_at - socket.stat().st_ctime)
            async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket))) as tool:
                pid = (await tool.get("http://tool/pids")).json()["pid"]
            killed = time.time()
            os.kill(pid, signal.SIGKILL)
            found["killed"].append(await until(frames, "STOPPING") - killed)
            await until(frames, "ERRORED")
            found["hand"].append(await by_hand(server.directory))
    await database.close()
    return found


async def main(count: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="sgb-"))
    try:
        url = f"sqlite:///{directory / 'bench.db'}"
        await migrate.upgrade(url)
        async with running(directory, url) as server:
            assert server.process is not None
            idle = memory_mib(server.process.pid)
            found = await rounds(server, count)
        tell("tool answers -> RUNNING at a subscriber", found["answer"])
        tell("tool killed from outside -> event at a subscriber", found["killed"])
        tell("startStudio -> RUNNING at a subscriber", found["start"])
        tell("the same tool started by hand -> its first answer", found["hand"])
        print(f"whole start, relative to by hand: {statistics.median(found['start']) / statistics.median(found['hand']):.2f}")
        print(f"memory of the idle server: {idle:.0f} MiB")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
