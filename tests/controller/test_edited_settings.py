"""Edited settings of a compute environment take effect while the server runs."""

import pytest

from services.compute.protocol import ComputeFailed
from services.compute.registry import Computes
from services.store import compute_environments
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database
from tests import factories
from tests.controller.faulty_compute import FaultyCompute
from tests.controller.harness import ControllerHarness
from tests.waiting import eventually


class Engine(FaultyCompute):
    """A `Compute` that tells what it was made from, and whether it was closed."""

    def __init__(self, environment: EnvironmentState) -> None:
        super().__init__()
        self.url = environment.settings.get("url")
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


def engines(database: Database) -> tuple[Computes, list[Engine]]:
    made: list[Engine] = []

    def factory(environment: EnvironmentState) -> Engine:
        made.append(Engine(environment))
        return made[-1]

    return Computes(database, {"docker": factory}), made


async def edit(database: Database, environment_id: str, **values: object) -> None:
    async with database.write() as transaction:
        await compute_environments.change(transaction, environment_id, **values)


async def state(database: Database, environment_id: str) -> EnvironmentState:
    async with database.read() as reader:
        environment = await compute_environments.find(reader, environment_id)
    assert environment is not None
    return environment


@pytest.fixture
async def environment_id(database: Database) -> str:
    world = await factories.create_world(database)
    return await factories.create_compute_environment(database, world.workspace_id, "There", kind="docker", settings={"url": "tcp://old"})


async def test_edited_settings_make_another_compute_and_close_the_former(database: Database, environment_id: str) -> None:
    computes, made = engines(database)
    await computes.get(environment_id)
    former = await state(database, environment_id)
    await edit(database, environment_id, settings={"url": "tcp://new"})
    newer = await computes.get(environment_id)
    assert [engine.url for engine in made] == ["tcp://old", "tcp://new"]
    assert newer.inner is made[1]
    assert computes.of(former) is newer  # who read the row before the edit does not bring the former settings back

    async def closed() -> bool:
        return [engine.is_closed for engine in made] == [True, False]

    await eventually(closed)
    await computes.close()
    assert made[1].is_closed


async def test_what_a_check_found_makes_no_other_compute(database: Database, environment_id: str) -> None:
    computes, made = engines(database)
    first = await computes.get(environment_id)
    await edit(database, environment_id, reachable=False, message="It did not answer.", cpu=2.0)
    assert await computes.get(environment_id) is first
    assert len(made) == 1


async def test_a_kind_that_the_server_may_not_use_is_refused_until_it_is_edited_back(database: Database, environment_id: str) -> None:
    computes, made = engines(database)
    await edit(database, environment_id, kind="process")
    with pytest.raises(ComputeFailed, match="of the kind process"):
        await computes.get(environment_id)
    await edit(database, environment_id, kind="docker")
    assert (await computes.get(environment_id)).inner is made[0]


async def test_a_studio_starts_where_the_edited_settings_say(harness: ControllerHarness) -> None:
    there: list[str | None] = []

    def factory(environment: EnvironmentState) -> FaultyCompute:
        there.append(environment.settings.get("url"))
        return harness.compute

    await harness.crash()
    object.__setattr__(harness.services, "computes", Computes(harness.database, {"process": factory}))
    await harness.start()
    await harness.status(await harness.add(), "RUNNING")
    await edit(harness.database, harness.world.compute_environment_id, settings={"url": "tcp://new"})
    await harness.status(await harness.add(name="Others"), "RUNNING")
    assert there == [None, "tcp://new"]
