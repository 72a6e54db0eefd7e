"""Many starts at once: together they never exceed a limit, whatever process they come from, and use all of it (B18)."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from services.commands import CommandRunner
from services.domain.quotas import ResourceQuotaExceeded
from services.domain.time_policy import TimePolicy
from services.secrets.secret_box import SecretBox
from services.store import quotas as store
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios.requests import Configuration, StartStudioRequest, StopStudioRequest
from services.studios.studios import Studios
from tests import factories
from tests.factories import World
from tests.mutations.api import Api
from tests.mutations.quotas import SCOPES, kinds_of, limit, quotas, start

STARTS = 100


@pytest.mark.behaviour("B18")
@pytest.mark.parametrize("scope", SCOPES)
async def test_a_hundred_starts_at_once_fill_a_limit_and_no_more(api: Api, world: World, database: Database, scope: str) -> None:
    await limit(database, world, scope, max_sessions=7)
    studios = [await factories.create_studio(database, world) for _ in range(STARTS)]
    results = await asyncio.gather(*(start(api, world.viewer, studio) for studio in studios))
    assert kinds_of(results) == {"StudioPayload": 7, "QuotaExceededError": STARTS - 7}
    assert await quotas(api, world) == [(scope, "SESSIONS", 7, 7)]


@pytest.fixture
async def processes(database: Database, database_url: str) -> AsyncIterator[list[Studios]]:
    """The commands of three processes; of one on SQLite, which serves one."""
    databases = [database] + ([Database(database_url) for _ in range(2)] if database.dialect == "postgresql" else [])
    box = SecretBox(SecretBox.new_key())
    yield [Studios(CommandRunner(each, b"key"), TimePolicy(), box, "installation", Wakeups(each)) for each in databases]
    for each in databases[1:]:
        await each.close()


@pytest.mark.behaviour("B18")
@pytest.mark.parametrize("seed", range(3))
async def test_starts_of_any_size_in_several_workspaces_keep_the_limits_of_the_organization(
    api: Api, world: World, database: Database, processes: list[Studios], seed: int
) -> None:
    chance = random.Random(seed)
    worlds = [world, *[await factories.create_neighbour(database, world, f"neighbour-{number}") for number in range(3)]]
    await limit(database, world, "ORGANIZATION", max_sessions=12, max_cpu=10.0, max_memory_mib=30_000)
    studios = [(each, await factories.create_studio(database, each)) for each in worlds for _ in range(STARTS // len(worlds))]
    chance.shuffle(studios)

    async def start_one(home: World, studio_id: str, process: Studios, cpu: float, memory_mib: int) -> tuple[float, int] | None:
        try:
            await process.start(home.viewer, StartStudioRequest(studio_id, Configuration(cpu=cpu, memory_mib=memory_mib)))
        except ResourceQuotaExceeded:
            return None
        return cpu, memory_mib

    starts = [
        start_one(home, studio, chance.choice(processes), chance.choice([0.1, 0.7, 1.5]), chance.choice([64, 3000, 6000]))
        for home, studio in studios
    ]
    admitted = [amounts for amounts in await asyncio.gather(*starts) if amounts]
    assert admitted
    used = {resource: (limit, used) for _, resource, limit, used in await quotas(api, world)}
    assert used == {
        "SESSIONS": (12, len(admitted)),
        "CPU": (10, pytest.approx(sum(cpu for cpu, _ in admitted))),
        "MEMORY_MIB": (30_000, sum(memory_mib for _, memory_mib in admitted)),
    }
    assert all(held <= maximum for maximum, held in used.values())


@pytest.mark.behaviour("B18")
async def test_starts_and_cancelled_builds_at_once_never_exceed_a_limit(
    api: Api, world: World, database: Database, processes: list[Studios]
) -> None:
    """What ends makes room at once, and no start counts it twice."""
    other = await factories.create_neighbour(database, world, "other")
    await limit(database, world, "ORGANIZATION", max_sessions=3)
    async with database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/tool:1", recipe="tool"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))
    studios = [(home, await factories.create_studio(database, home)) for home in (world, other) for _ in range(10)]
    seen: list[float] = []

    async def come_and_go(home: World, studio_id: str, process: Studios) -> None:
        for _ in range(5):
            try:
                await process.start(home.viewer, StartStudioRequest(studio_id))
            except ResourceQuotaExceeded:
                continue
            await process.stop(home.viewer, StopStudioRequest(studio_id))

    async def watch() -> None:
        while not coming.done():
            seen.extend(used for *_, used in await quotas(api, world))

    turns = [come_and_go(home, studio, processes[number % len(processes)]) for number, (home, studio) in enumerate(studios)]
    coming = asyncio.gather(*turns)
    await asyncio.gather(coming, watch())
    assert max(seen) <= 3
    assert await quotas(api, world) == [("ORGANIZATION", "SESSIONS", 3, 0)]


@pytest.mark.postgres
async def test_an_organization_that_another_process_has_locked_costs_one_connection(postgresql_url: str) -> None:
    """A process that was frozen in a start: starts in many workspaces wait for it, and everything else goes on."""
    frozen, database = Database(postgresql_url), Database(postgresql_url, pool_size=2)
    world = await factories.create_world(frozen)
    await limit(frozen, world, "ORGANIZATION", max_sessions=5)
    homes = [await factories.create_neighbour(frozen, world, f"neighbour-{number}") for number in range(10)]
    studios = [(home, await factories.create_studio(frozen, home)) for home in homes]
    commands = Studios(CommandRunner(database), TimePolicy(), SecretBox(SecretBox.new_key()), "installation", Wakeups(database))
    async with frozen.write() as transaction:
        await store.lock_limited_organization(transaction, world.workspace_id)
        waiting = [asyncio.create_task(commands.start(home.viewer, StartStudioRequest(studio))) for home, studio in studios]
        await asyncio.wait(waiting, timeout=0.5)
        async with asyncio.timeout(5), database.read() as reader:
            assert await store.limited_organization(reader, world.workspace_id) == world.organization_id
        assert not any(task.done() for task in waiting)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert len([result for result in results if isinstance(result, ResourceQuotaExceeded)]) == 5
    await frozen.close()
    await database.close()
