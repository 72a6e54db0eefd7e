"""Measures statements that run again and again, and the CPU time of an idle server, with years of history and with a tenth of it.

Run: python -m benchmarks.bench_history [divisor]. The full size is 5,000 Studios, 200,000 sessions and 600,000 events, on SQLite and
PostgreSQL; the divisor makes both sizes smaller. What is flat has a ratio of about 1. The exit code is 1 if a statement takes more than
twice as long with the full history, and more than a millisecond longer.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text, update

from benchmarks.bench_dead_engine import cpu_share
from benchmarks.databases import database_urls
from services.domain.events import Kind
from services.search.selection import BY_NAME, StudioFilter
from services.store import access_facts, connections, leases, log, output_sources, retention, stats
from services.store.db.database import Database, Reader
from services.store.leases import Exclusions
from services.store.reads import compute, events, studio_lists
from services.store.reads.listing import Window
from services.store.tables import core
from tests.server import Server
from tests.store import history
from tests.store.history import HistorySize, LongHistory

FULL = HistorySize(studios=5_000, sessions=200_000, events=600_000)
RUNS = 41
MAX_RATIO = 2.0
MIN_DIFFERENCE_SECONDS = 0.001
"""A statement that takes a few tenths of a millisecond has a ratio that says nothing."""
IDLE_SECONDS = 20.0
KEEP = timedelta(days=3650)
BUSY_SHARE = 10
"""One of so many events is of the Studio that runs: a proxy looks for the end of its session among them."""
Measured = Callable[[Reader], Awaitable[object]]
Figures = Mapping[str, float]
IDLE = "idle server: share of a core"


def statements(made: LongHistory) -> dict[str, Measured]:
    """Returns what is measured, by the name under which it is printed."""
    environments = [made.world.compute_environment_id]
    workspace, studio, viewer = made.world.workspace_id, made.studio_id, made.world.viewer.user_id
    first = Window(20)
    return {
        "collector: sessions that print": lambda reader: output_sources.list_open(reader, environments),
        "proxy: why a session ended": lambda reader: access_facts.last_session_end(reader, workspace, studio, 1),
        "Studio.events(first: 20)": lambda reader: events.of_studios(reader, viewer, [studio], first, True),
        "Workspace.events(first: 20)": lambda reader: events.of_workspaces(reader, viewer, [workspace], first, True),
        "stream: resume by kinds": lambda reader: log.page(reader, workspace, 0, 100, kinds=[Kind.STUDIO_MESSAGE]),
        "sampler: sessions that run": stats.running,
        "sampler: outdated measurements": stats.has_outdated,
        "usage of a compute environment": lambda reader: compute.usage(reader, viewer, environments),
        "proxy: tabs_of": lambda reader: connections.tabs_of(reader, "p" * 32),
        "controller: next due": lambda reader: leases.next_due(reader, Exclusions(verified=environments)),
        "page: first 20 Studios": lambda reader: studio_lists.pages(reader, viewer, [workspace], StudioFilter(), BY_NAME, first),
    }


async def measure(database: Database, made: LongHistory) -> dict[str, float]:
    """Returns the least seconds of each statement, and of a trimming that finds nothing to remove."""
    least = {}
    for name, statement in statements(made).items():
        async with database.read() as reader:
            least[name] = await least_time(partial(statement, reader))
    await retention.trim(database, KEEP)
    least["retention: nothing to remove"] = await least_time(lambda: retention.trim(database, KEEP))
    return least


async def least_time(run: Callable[[], Awaitable[object]]) -> float:
    """Returns the seconds of the quickest run: what else the machine does makes none quicker."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        await run()
        times.append(time.perf_counter() - began)
    return min(times)


async def fill(database: Database, size: HistorySize) -> LongHistory:
    made = await history.make(database, size)
    async with database.write() as transaction:
        event = core.event.c
        await transaction.execute(update(core.event).where(event.seq % BUSY_SHARE == 0).values(studio_id=made.studio_id))
        await transaction.execute(text("ANALYZE"))
    if database.dialect == "postgresql":  # what autovacuum does by and by
        connection = await database.dedicated_connection()
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    return made


async def figures(url: str, size: HistorySize, directory: Path) -> Figures:
    """Fills the database, and returns the seconds of each statement and the share of a core of an idle server."""
    database = Database(url)
    made = await fill(database, size)
    least = await measure(database, made)
    await database.close()
    server = Server(directory, url, made.world)
    await server.start()
    try:
        await server.graphql("{ viewer { userName } }")
        return {**least, IDLE: await cpu_share(server, IDLE_SECONDS)}
    finally:
        await server.stop()
        await server.http.aclose()


def print_table(name: str, tenth: Figures, full: Figures) -> bool:
    """Prints the figures of one database; returns whether all of them are flat."""
    is_flat = True
    print(f"{name:40} {'a tenth':>12} {'full':>12} {'ratio':>8}")
    for label, before in tenth.items():
        after = full[label]
        grows = after / before > MAX_RATIO and after - before > MIN_DIFFERENCE_SECONDS and label != IDLE
        texts = [f"{figure:.1%}" if label == IDLE else f"{figure * 1000:.2f} ms" for figure in (before, after)]
        print(f"{label:40} {texts[0]:>12} {texts[1]:>12} {after / before:8.2f}{'  grows' if grows else ''}")
        is_flat = is_flat and not grows
    return is_flat


async def main(divisor: int) -> bool:
    results: dict[str, list[Figures]] = {}
    for share in (10, 1):
        count = divisor * share
        size = HistorySize(FULL.studios // count, FULL.sessions // count, FULL.events // count)
        with tempfile.TemporaryDirectory(prefix="sgb-", ignore_cleanup_errors=True) as name:
            async with database_urls(Path(name)) as urls:
                for database, url in urls.items():
                    directory = Path(name) / database
                    directory.mkdir()
                    results.setdefault(database, []).append(await figures(url, size, directory))
    tables = [print_table(database, *both) for database, both in results.items()]
    return all(tables)


if __name__ == "__main__":
    arguments: list[Any] = [int(argument) for argument in sys.argv[1:]]
    sys.exit(0 if asyncio.run(main(*(arguments or [1]))) else 1)
