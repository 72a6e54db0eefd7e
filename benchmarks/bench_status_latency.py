"""Measures how soon a subscriber gets the event of a tool that begins to answer, and of a session's process that is killed.

Run: python -m benchmarks.bench_status_latency [rounds]. It also prints the time until the same tool answers when it is started without a
server, the ratio of a whole start to that, and the memory of the idle server.
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

from benchmarks.latency import START, WATCH, create, memory_mib, print_times, until
from services.store import migrate
from services.store.db.database import Database
from services.store.tables import core
from tests.server import ROOT, Server, running


async def direct_start(directory: Path) -> float:
    """Returns the seconds from the start of the tool's process to its first answer, without a server."""
    socket = directory / "direct.sock"
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
    """Returns the path of the unix socket of the newest session."""
    async with database.read() as reader:
        newest = select(core.session.c.upstream).order_by(core.session.c.number.desc()).limit(1)
        return Path((await reader.execute(newest)).scalar_one()["unix"])


async def rounds(server: Server, count: int) -> dict[str, list[float]]:
    database = Database(server.database_url)
    studio = await create(server, "Measured")
    times: dict[str, list[float]] = {"answer": [], "killed": [], "start": [], "direct": []}
    async with aclosing(server.subscribe(WATCH, {"id": studio})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        for _ in range(count):
            began = time.time()
            await server.graphql(START, {"id": studio})
            running_at = await until(frames, "RUNNING")
            socket = await upstream(database)
            times["start"].append(running_at - began)
            times["answer"].append(running_at - socket.stat().st_ctime)
            async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket))) as tool:
                pid = (await tool.get("http://tool/pids")).json()["pid"]
            killed = time.time()
            os.kill(pid, signal.SIGKILL)
            times["killed"].append(await until(frames, "STOPPING") - killed)
            await until(frames, "ERRORED")
            times["direct"].append(await direct_start(server.directory))
    await database.close()
    return times


async def main(count: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="sgb-"))
    try:
        url = f"sqlite:///{directory / 'bench.db'}"
        await migrate.upgrade(url)
        async with running(directory, url) as server:
            assert server.process is not None
            idle = memory_mib(server.process.pid)
            times = await rounds(server, count)
        print_times("tool answers -> RUNNING at a subscriber", times["answer"])
        print_times("tool killed from outside -> event at a subscriber", times["killed"])
        print_times("startStudio -> RUNNING at a subscriber", times["start"])
        print_times("the same tool started without a server -> its first answer", times["direct"])
        ratio = statistics.median(times["start"]) / statistics.median(times["direct"])
        print(f"ratio of a whole start to the start without a server: {ratio:.2f}")
        print(f"memory of the idle server: {idle:.0f} MiB")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
