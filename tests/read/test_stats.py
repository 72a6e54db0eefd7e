"""What a running session uses, as a query shows it."""

from datetime import timedelta

import pytest

from schema.ids import encode
from services.store.db.database import Database
from tests import factories
from tests.factories import BEGAN, World
from tests.read.asking import Asker

pytestmark = pytest.mark.behaviour("B85")
STATS = "stats { at cpu cpuLimit memoryBytes memoryLimitBytes networkReceivedBytes networkSentBytes processes }"
QUERY = f"query ($id: ID!) {{ studio(id: $id) {{ {STATS} }} }}"
LIST = f'{{ workspace(by: {{ slug: "lab" }}) {{ studios(first: 100) {{ nodes {{ {STATS} }} }} }} }}'


def configuration(cpu: float) -> dict[str, object]:
    return {"cpu": cpu, "memory_mib": 8192, "gpu": 0, "lifespan_hours": 8, "environment": []}


async def on_docker(database: Database, world: World) -> World:
    there = await factories.create_compute_environment(database, world.workspace_id, "There", kind="docker")
    return World(**{**{name: getattr(world, name) for name in World.__slots__}, "compute_environment_id": there})


async def test_the_measurement_of_a_container_has_its_limits_and_its_network(database: Database, world: World, asker: Asker) -> None:
    world = await on_docker(database, world)
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1, cpu=1.0)
    session_id = await factories.create_session(database, world, studio_id, configuration=configuration(2.5))  # with overrides (B1)
    many = 5 << 40
    await factories.create_stats(
        database, session_id, memory_limit_bytes=1 << 30, network_received_bytes=many, network_sent_bytes=7, processes=4
    )
    assert (await asker.data(world.viewer, QUERY, id=encode("Studio", studio_id)))["studio"]["stats"] == {
        "at": "2026-01-01T00:00:00.000Z",
        "cpu": 1.5,
        "cpuLimit": 2.5,
        "memoryBytes": 100 << 20,
        "memoryLimitBytes": 1 << 30,
        "networkReceivedBytes": many,
        "networkSentBytes": 7,
        "processes": 4,
    }


async def test_where_nothing_is_limited_or_counted_there_is_null(database: Database, world: World, asker: Asker) -> None:
    on_engine = await on_docker(database, world)
    for where, cpu in ((world, 2.0), (on_engine, 0.0)):
        studio_id = await factories.create_studio(database, where, status="RUNNING", session_number=1)
        session_id = await factories.create_session(database, where, studio_id, configuration=configuration(cpu))
        await factories.create_stats(database, session_id)
        seen = (await asker.data(world.viewer, QUERY, id=encode("Studio", studio_id)))["studio"]["stats"]
        assert {name for name, value in seen.items() if value is None} == {
            "cpuLimit",
            "memoryLimitBytes",
            "networkReceivedBytes",
            "networkSentBytes",
            "processes",
        }


@pytest.mark.parametrize(("status", "session"), [("STOPPED", 1), ("STOPPING", 1), ("ERRORED", 1), ("STARTING", 1), ("RUNNING", 2)])
async def test_only_of_the_session_that_runs(database: Database, world: World, asker: Asker, status: str, session: int) -> None:
    studio_id = await factories.create_studio(database, world, status=status, session_number=session)
    await factories.create_stats(database, await factories.create_session(database, world, studio_id, number=1))
    assert (await asker.data(world.viewer, QUERY, id=encode("Studio", studio_id)))["studio"]["stats"] is None


async def test_a_list_reads_all_of_them_in_one_statement(database: Database, world: World, asker: Asker) -> None:
    plain = await asker.statements(world.viewer, '{ workspace(by: { slug: "lab" }) { studios(first: 100) { nodes { id } } } }')
    for more in (2, 50):
        for number in range(more):
            studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
            session_id = await factories.create_session(database, world, studio_id)
            if number % 2:
                await factories.create_stats(database, session_id, at=BEGAN + timedelta(seconds=number))
        assert await asker.statements(world.viewer, LIST) == plain + 1
    nodes = (await asker.data(world.viewer, LIST))["workspace"]["studios"]["nodes"]
    assert sum(node["stats"] is not None for node in nodes) == 26


@pytest.mark.behaviour("B92")
async def test_a_stranger_sees_none(database: Database, world: World, asker: Asker) -> None:
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    await factories.create_stats(database, await factories.create_session(database, world, studio_id))
    stranger, _ = await factories.create_token(database, await factories.create_user(database))
    assert (await asker.data(stranger, QUERY, id=encode("Studio", studio_id)))["studio"] is None
