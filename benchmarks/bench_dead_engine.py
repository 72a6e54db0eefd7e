"""Measures what 300 Studios on a dead engine cost the others: the time of a start on a healthy environment, and the server's CPU time.

Run: python -m benchmarks.bench_dead_engine [Studios] [rounds] [idle seconds]. The engine accepts connections and answers nothing, and in
a second part refuses them; both on SQLite and PostgreSQL. The exit code is 1 if a start takes more than twice what it takes alone, or the
idle server uses more than a tenth of a core.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from benchmarks.bench_many_studios import ProcessUsage
from benchmarks.databases import database_urls
from benchmarks.latency import START, STOP, WATCH, create, print_times, until
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.server import Server, running
from tests.waiting import eventually

MAX_RATIO = 2.0
MAX_CPU_SHARE = 0.1
SETTLE_SECONDS = 120.0
"""All Studios say by then that their engine does not answer."""
STATUSES = ("RUNNING", "STARTING", "STOPPING")


async def start_times(server: Server, studio: str, count: int) -> list[float]:
    """Returns the seconds from each start to RUNNING, as a subscriber sees it."""
    times = []
    async with aclosing(server.subscribe(WATCH, {"id": studio})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        for _ in range(count):
            began = time.time()
            await server.graphql(START, {"id": studio})
            times.append(await until(frames, "RUNNING") - began)
            await server.graphql(STOP, {"id": studio})
            await until(frames, "STOPPED")
    return times


async def cpu_share(server: Server, seconds: float) -> float:
    """Returns the part of one core that the server uses while nobody asks it for anything."""
    assert server.process
    before = ProcessUsage.of(server.process.pid).cpu
    await asyncio.sleep(seconds)
    return (ProcessUsage.of(server.process.pid).cpu - before) / seconds


async def add_studios(server: Server, engine: str, url: str, count: int) -> None:
    """Adds Studios that run, start and stop on an engine that answered once."""
    database, world = Database(server.database_url), server.world
    now = datetime.now(UTC)
    environment = await factories.create_compute_environment(
        database, world.workspace_id, engine, kind="docker", settings={"url": url}, engine_id="e" * 32
    )
    for number, status in enumerate(islice(cycle(STATUSES), count)):
        values: dict[str, Any] = {"status": status, "session_number": 1, "compute_environment_id": environment, "due_at": now}
        values["deadline"] = None if status == "RUNNING" else now + timedelta(hours=1)
        studio = await factories.create_studio(database, world, f"{engine} {number}", **values)
        await factories.create_session(database, world, studio, compute_environment_id=environment)
    await database.close()


async def all_report_silence(database: Database) -> bool:
    dead = select(core.compute_environment.c.id).where(core.compute_environment.c.kind == "docker", core.compute_environment.c.enabled)
    silent = core.studio.c.status_message.like("%does not answer%")
    async with database.read() as reader:
        messages = await reader.execute(select(silent).where(core.studio.c.compute_environment_id.in_(dead)))
        return all(messages.scalars())


async def end_studios(server: Server) -> None:
    """Ends what `add_studios` added."""
    database = Database(server.database_url)
    async with database.write() as transaction:
        dead = select(core.compute_environment.c.id).where(core.compute_environment.c.kind == "docker")
        ended = {"status": "STOPPED", "desired": "STOPPED", "due_at": None, "deadline": None}
        await transaction.execute(update(core.studio).where(core.studio.c.compute_environment_id.in_(dead)).values(**ended))
        await transaction.execute(update(core.output).values(closed=True))
        of_dead = core.session.c.compute_environment_id.in_(dead)
        await transaction.execute(update(core.session).where(of_dead).values(ended_at=transaction.now))
        await transaction.execute(update(core.compute_environment).where(core.compute_environment.c.kind == "docker").values(enabled=False))
    await database.close()


@asynccontextmanager
async def silent_engine(path: Path) -> AsyncIterator[str]:
    """An engine that accepts connections and answers nothing."""
    connections: list[asyncio.StreamWriter] = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    async with await asyncio.start_unix_server(accept, path):
        yield f"unix://{path}"
        for writer in connections:
            writer.close()


@asynccontextmanager
async def refusing_engine(path: Path) -> AsyncIterator[str]:
    """An address at which nobody listens."""
    yield f"unix://{path}"


ENGINES = {"silent": silent_engine, "refused": refusing_engine}


async def measure(server: Server, control: Server, studios: int, rounds: int, idle_seconds: float) -> bool:
    """Prints the figures of one database; returns whether they are good. `control` has none of the Studios on a dead engine."""
    database = Database(server.database_url)
    healthy, alone = await create(server, "Healthy"), await create(control, "Healthy")
    for each, studio in ((server, healthy), (control, alone)):
        await start_times(each, studio, 2)
    print(f"  CPU of the idle server alone: {await cpu_share(control, idle_seconds):.1%} of a core")
    is_good = True
    for name, engine in ENGINES.items():
        async with engine(server.directory / f"{name}.sock") as url:
            await add_studios(server, name, url, studios)
            for stage in ("at once", "after a restart"):
                if stage == "after a restart":
                    await server.restart()
                times: dict[str, list[float]] = {"alone": [], "beside": []}
                for _ in range(rounds):  # in turn, so that what else the machine does slows both
                    times["beside"] += await start_times(server, healthy, 1)
                    times["alone"] += await start_times(control, alone, 1)
                ratio = statistics.median(times["beside"]) / statistics.median(times["alone"])
                print_times(f"  {name}, {stage}: a start alone", times["alone"])
                print_times(f"  {name}, {stage}: a start beside {studios} Studios", times["beside"])
                await eventually(partial(all_report_silence, database), SETTLE_SECONDS, 1)
                share = await cpu_share(server, idle_seconds)
                print(f"  {name}, {stage}: {ratio:.2f} times as long as alone; CPU of the idle server: {share:.1%} of a core", flush=True)
                is_good = is_good and ratio <= MAX_RATIO and share <= MAX_CPU_SHARE
            await end_studios(server)
    await database.close()
    return is_good


async def main(studios: int, rounds: int, idle_seconds: float) -> bool:
    is_good = True
    with tempfile.TemporaryDirectory(prefix="sgb-", ignore_cleanup_errors=True) as name:
        directories = [Path(name) / part for part in ("measured", "control")]
        for directory in directories:
            directory.mkdir()
        async with database_urls(directories[0]) as urls, database_urls(directories[1]) as control_urls:
            for database, url in urls.items():
                print(database)
                for directory in directories:
                    (directory / database).mkdir()
                async with (
                    running(directories[0] / database, url) as server,
                    running(directories[1] / database, control_urls[database]) as control,
                ):
                    is_good = await measure(server, control, studios, rounds, idle_seconds) and is_good
    print("Within the limits." if is_good else "Over a limit.")
    return is_good


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(0 if asyncio.run(main(*(arguments + [300, 15, 30][len(arguments) :]))) else 1)
