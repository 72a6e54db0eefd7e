"""Measures lists of checkpoints: 200 of one Studio, and 500 in a workspace, against a few of the same, with their numbers of statements.

Run: python -m benchmarks.bench_checkpoint_lists [repetitions]. Each list is read with everything that is known of a checkpoint, and with
what needs it; the ratio is that of the times for each checkpoint, so that 1 means that it costs the same in a long list.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.databases import database_urls
from schema.ids import encode
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker
from tests.read.checkpoint_documents import CHECKPOINTS

WORKSPACE = """query($id: ID!) { node(id: $id) { ... on Workspace { studios(first: 100) { nodes {
  checkpoints(first: 5) { totalCount nodes { name status size savedAt author { userName } neededBy { kind } } } } } } } }"""
FEW, MANY_OF_ONE, MANY_STUDIOS, OF_EACH = 2, 200, 100, 5
PAGE = 100
"""The checkpoints of one Studio that a page of the list has at most."""


async def measure(asker: Asker, world: World, query: str, id_: str, count: int, repetitions: int) -> tuple[int, float]:
    """Returns the number of statements, and the milliseconds for each of the `count` checkpoints (median)."""
    statements = await asker.statements(world.viewer, query, id=id_)
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        await asker.data(world.viewer, query, id=id_)
        times.append((time.perf_counter() - began) * 1000)
    return statements, statistics.median(times) / count


async def add_checkpoints(database: Database, world: World, studio: str, numbers: range) -> None:
    for number in numbers:
        await factories.create_checkpoint(database, world, studio, f"analysis_{number}", number=number)


def report(name: str, few: tuple[int, float], many: tuple[int, float]) -> None:
    print(f"  {name:26} {few[0]} and {many[0]} statements; {many[1]:.3f} ms for each, ratio to a few {many[1] / few[1]:.2f}")


async def compare(name: str, url: str, repetitions: int) -> None:
    database = Database(url)
    world = await factories.create_world(database)
    asker = Asker(database)
    print(name)
    studio = await factories.create_studio(database, world, "One")
    await add_checkpoints(database, world, studio, range(1, FEW + 1))
    few = await measure(asker, world, CHECKPOINTS, encode("Studio", studio), FEW, repetitions)
    await add_checkpoints(database, world, studio, range(FEW + 1, MANY_OF_ONE + 1))
    report(f"{MANY_OF_ONE} in one Studio", few, await measure(asker, world, CHECKPOINTS, encode("Studio", studio), PAGE, repetitions))
    workspace = encode("Workspace", world.workspace_id)
    few = await measure(asker, world, WORKSPACE, workspace, OF_EACH, repetitions)
    for number in range(MANY_STUDIOS - 1):
        await add_checkpoints(database, world, await factories.create_studio(database, world, f"Studio {number}"), range(1, OF_EACH + 1))
    many = await measure(asker, world, WORKSPACE, workspace, MANY_STUDIOS * OF_EACH, repetitions)
    report(f"{MANY_STUDIOS * OF_EACH} in a workspace", few, many)
    await database.close()


async def main(repetitions: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with database_urls(Path(directory)) as urls:
            for name, url in urls.items():
                await compare(name, url, repetitions)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
