"""No two writers wait for each other in a circle on PostgreSQL: each pair of all that write is run against each other (ADR 4)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import asyncpg
import pytest
from sqlalchemy import update

from services.store import connections, outbox
from services.store.db.database import Database, DatabaseUnavailable
from services.store.tables import core
from services.studios.requests import StartStudioRequest
from tests import factories
from tests.postgres import Cluster
from tests.store import background_writers
from tests.store.background_writers import BACKGROUND
from tests.store.command_writers import COMMANDS
from tests.store.interleaving import Writer, WriterRun, interleave, observed, run_writer
from tests.store.scene import OWNER, WriterScene, create_scene
from tests.store.writers import transaction_sites

WRITERS = COMMANDS.by_name | BACKGROUND.by_name
WITHOUT_LOCKS = {
    "services.studios.checkpoint_recheck:CheckpointRecheck.__call__": "sends a wake-up alone",
    "services.controller.maintenance.checkpoint_audit:CheckpointAudit._answer": "sends a wake-up alone",
    "services.controller.controller:Controller.start": "SQLite, which has one writer",
    "services.controller.builds.builder:Builder.start": "SQLite, which has one writer",
    "services.live.log_history:LogHistory._open_sqlite": "SQLite, which has one writer",
    "services.live.log_history:LogHistory._record": "SQLite, which has one writer",
    "services.store.outbox:stream_transaction": "opens the transactions of others",
}
"""Sites without a writer of their own, and why."""


def test_every_transaction_that_writes_is_tried() -> None:
    listed = COMMANDS.sites | BACKGROUND.sites | WITHOUT_LOCKS.keys()
    assert transaction_sites() - listed == set(), "add a writer to tests/store/command_writers.py or background_writers.py"
    assert listed - transaction_sites() == set(), "this function is gone"


@dataclass(slots=True)
class TwoProcesses:
    """Two processes on the same rows, and a connection that sees which of them waits for a lock."""

    scenes: tuple[WriterScene, WriterScene]
    monitor: asyncpg.Connection


@pytest.fixture
async def two_processes(postgres_cluster: Cluster, postgresql_url: str, postgres_database: str) -> AsyncIterator[TwoProcesses]:
    await postgres_cluster.run(f"ALTER DATABASE {postgres_database} SET deadlock_timeout = '20ms'")
    one, other = Database(postgresql_url), Database(postgresql_url)
    monitor = await postgres_cluster.connect(postgres_database)
    scene = await create_scene(one)
    with observed(one), observed(other):
        yield TwoProcesses((scene, WriterScene(other, scene.world, scene.ids)), monitor)
    await monitor.close()
    await one.close()
    await other.close()
    await postgres_cluster.run(f"ALTER DATABASE {postgres_database} RESET deadlock_timeout")


@pytest.mark.postgres
@pytest.mark.slow
async def test_no_pair_of_writers_deadlocks(two_processes: TwoProcesses) -> None:
    runs = {}
    for name, writer in WRITERS.items():
        runs[name] = WriterRun()
        await run_writer(writer, two_processes.scenes[0], runs[name])
    assert [name for name, run in runs.items() if not run.locking] == [], "these lock nothing, so that they show nothing"
    for one, other in combinations_with_replacement(sorted(runs, key=lambda name: len(runs[name].locking)), 2):
        if not (runs[one].begins_with_stream and runs[other].begins_with_stream):
            await try_pair(one, other, two_processes)


async def try_pair(one: str, other: str, two_processes: TwoProcesses, writers: Mapping[str, Writer] = WRITERS) -> None:
    """A circle is found whichever of the two pauses, so that it is the one with fewer locks."""
    try:
        await interleave(writers[one], writers[other], two_processes.scenes, two_processes.monitor)
    except Exception as error:
        raise AssertionError(f"{one} against {other}: {error}") from error


@pytest.mark.behaviour("B18")
@pytest.mark.postgres
async def test_starts_in_two_workspaces_of_an_organization_with_a_limit_do_not_deadlock(two_processes: TwoProcesses) -> None:
    """They begin with the locks of two streams, and share the one of the organization."""
    scene = two_processes.scenes[0]
    neighbour = await factories.create_neighbour(scene.database, scene.world, "other")
    studio = await factories.create_studio(scene.database, neighbour)

    async def start_there(scene: WriterScene) -> None:
        await scene.studios.start(neighbour.viewer, StartStudioRequest(studio))

    await try_pair("start", "start there", two_processes, WRITERS | {"start there": start_there})
    await try_pair("start there", "start", two_processes, WRITERS | {"start there": start_there})


@pytest.mark.postgres
async def test_a_pair_that_locks_in_two_orders_is_found(two_processes: TwoProcesses) -> None:
    """So that the test above would find one."""

    async def stream_first(scene: WriterScene) -> None:
        async with scene.stream() as transaction:
            await connections.bump_version(transaction, scene.ids.running)

    async def studio_first(scene: WriterScene) -> None:
        async with scene.database.write() as transaction:
            await connections.bump_version(transaction, scene.ids.running)
            await outbox.lock_stream(transaction, scene.world.workspace_id)

    with pytest.raises(DatabaseUnavailable, match="deadlock"):
        await interleave(stream_first, studio_first, two_processes.scenes, two_processes.monitor)


STUDIOS, ROUNDS = 40, 25
MANY_ROWS = (
    background_writers.an_engine_returns,
    background_writers.a_controller_stops,
    background_writers.studios_are_claimed,
)


@pytest.mark.postgres
@pytest.mark.slow
async def test_writers_of_many_studios_lock_them_in_one_order(two_processes: TwoProcesses) -> None:
    """One statement that writes many rows locks them in the order in which it finds them, which no pause between statements shows."""
    scene = two_processes.scenes[0]
    names = [await factories.create_studio(scene.database, scene.world, status="RUNNING", session_number=1) for _ in range(STUDIOS)]
    for studio in reversed(names):
        await factories.create_session(scene.database, scene.world, studio)
    for _ in range(ROUNDS):
        async with scene.database.write() as transaction:
            await transaction.execute(update(core.studio).values(lease_owner=OWNER, lease_until=transaction.now, due_at=transaction.now))
        await asyncio.gather(*(write(each) for write in MANY_ROWS for each in two_processes.scenes))
