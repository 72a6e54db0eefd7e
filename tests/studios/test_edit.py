"""Editing Studios, and the configuration of their sessions: what is kept, locked and refused."""

import pytest

from services.domain.errors import InvalidInput, NotAllowedNow, StaleRevision
from services.store.db.database import Database
from services.store.tables import core
from services.studios.requests import Configuration, CreateStudioRequest, EnvVar, StartStudioRequest, UpdateStudioRequest
from services.studios.studios import Studios
from tests import factories
from tests.factories import World
from tests.studios.conftest import kinds, studio_row

ENDED = ["STOPPED", "ERRORED", "BUILD_FAILED"]
HELD = ["BUILDING", "STARTING", "RUNNING", "STOPPING"]
SECRETS = Configuration(env_vars=(EnvVar("TOKEN", "hunter22", secret=True), EnvVar("PLAIN", "seen")))


@pytest.fixture
async def studio(database: Database, world: World) -> str:
    return await factories.create_studio(database, world, "Cells")


@pytest.mark.behaviour("B14")
@pytest.mark.parametrize("status", ENDED)
async def test_an_ended_studio_can_be_edited(database: Database, studios: Studios, world: World, status: str) -> None:
    studio = await factories.create_studio(database, world, "Old", status=status)
    await studios.update(world.viewer, UpdateStudioRequest(studio, name="New", description="What for", configuration=Configuration(cpu=1)))
    row = await studio_row(database, studio)
    assert (row["name"], row["name_key"], row["description"], row["cpu"], row["revision"]) == ("New", "new", "What for", 1, 2)
    assert await kinds(database, studio) == ["studio.edited"]


@pytest.mark.behaviour("B14")
@pytest.mark.parametrize("status", HELD)
async def test_a_studio_that_has_not_ended_cannot_be_edited(database: Database, studios: Studios, world: World, status: str) -> None:
    studio = await factories.create_studio(database, world, status=status)
    with pytest.raises(NotAllowedNow, match="Stop it first"):
        await studios.update(world.viewer, UpdateStudioRequest(studio, name="New"))


@pytest.mark.behaviour("B14")
async def test_an_edit_is_checked_even_where_the_compute_environment_is_gone(
    database: Database, studios: Studios, world: World, studio: str
) -> None:
    async with database.write() as transaction:
        await transaction.execute(core.studio.update().values(compute_environment_id=None))
    configuration = Configuration(cpu=-1, lifespan_hours=1000, env_vars=(EnvVar("1", "x"),))
    with pytest.raises(InvalidInput) as caught:
        await studios.update(world.viewer, UpdateStudioRequest(studio, configuration=configuration))
    assert [problem.field[0] for problem in caught.value.problems] == ["cpu", "lifespan_hours", "env_vars"]
    await studios.update(world.viewer, UpdateStudioRequest(studio, configuration=Configuration(cpu=64, gpu=1)))


@pytest.fixture
async def studio_with_secret(studios: Studios, world: World) -> str:
    request = CreateStudioRequest(world.workspace_id, "Secretive", world.template_id, configuration=SECRETS, auto_start=False)
    return (await studios.create(world.viewer, request)).studio_id


@pytest.mark.behaviour("B14")
async def test_a_secret_value_that_is_not_sent_again_stays(
    database: Database, studios: Studios, world: World, studio_with_secret: str
) -> None:
    before, _ = (await studio_row(database, studio_with_secret))["environment"]
    kept = Configuration(env_vars=(EnvVar("OTHER", "new"), EnvVar("TOKEN", None)))
    for _ in range(2):  # repeated, it changes nothing
        await studios.update(world.viewer, UpdateStudioRequest(studio_with_secret, configuration=kept))
    row = await studio_row(database, studio_with_secret)
    assert row["environment"] == [{"key": "OTHER", "value": "new", "secret": False}, before]
    assert row["revision"] == 2
    only = Configuration(env_vars=(EnvVar("TOKEN", None),))
    await studios.start(world.viewer, StartStudioRequest(studio_with_secret, only))
    async with database.read() as reader:
        assert (await reader.execute(core.session.select())).one().configuration["environment"] == [before]


@pytest.mark.behaviour("B14")
@pytest.mark.parametrize("key", ["PLAIN", "ABSENT"])
async def test_a_value_that_is_no_secret_has_to_be_sent(studios: Studios, world: World, studio_with_secret: str, key: str) -> None:
    missing = Configuration(env_vars=(EnvVar(key, None, secret=True),))
    with pytest.raises(InvalidInput) as caught:
        await studios.update(world.viewer, UpdateStudioRequest(studio_with_secret, configuration=missing))
    assert [(problem.field, problem.code) for problem in caught.value.problems] == [(("env_vars", "0", "value"), "REQUIRED")]


@pytest.mark.behaviour("B13")
async def test_the_lifespan_of_the_workspace_locks_the_field_and_counts_for_later_sessions(
    database: Database, studios: Studios, world: World, studio: str
) -> None:
    async with database.write() as transaction:
        await transaction.execute(core.workspace.update().values(lifespan_hours=3))
    other, same = Configuration(lifespan_hours=24), Configuration(lifespan_hours=3)
    for attempt in (
        studios.update(world.viewer, UpdateStudioRequest(studio, configuration=other)),
        studios.start(world.viewer, StartStudioRequest(studio, other)),
        studios.create(world.viewer, CreateStudioRequest(world.workspace_id, "New", world.template_id, configuration=other)),
    ):
        with pytest.raises(InvalidInput, match="The workspace sets the lifespan of all its sessions: 3 hours") as caught:
            await attempt
        assert [(problem.field, problem.code) for problem in caught.value.problems] == [(("lifespan_hours",), "LOCKED")]
    await studios.update(world.viewer, UpdateStudioRequest(studio, configuration=same))
    async with database.write() as transaction:
        await transaction.execute(core.workspace.update().values(lifespan_hours=5))
    await studios.start(world.viewer, StartStudioRequest(studio))
    async with database.read() as reader:
        assert (await reader.execute(core.session.select())).one().configuration["lifespan_hours"] == 5


async def test_an_edit_that_changes_nothing_is_no_revision(database: Database, studios: Studios, world: World, studio: str) -> None:
    await studios.update(world.viewer, UpdateStudioRequest(studio, name="Cells", configuration=Configuration(cpu=2)))
    assert (await studio_row(database, studio))["revision"] == 1
    assert await kinds(database, studio) == []


@pytest.mark.behaviour("B95")
async def test_a_stale_revision_error_has_the_current_one(studios: Studios, world: World, studio: str) -> None:
    await studios.update(world.viewer, UpdateStudioRequest(studio, name="New", expected_revision=1))
    with pytest.raises(StaleRevision) as caught:
        await studios.update(world.viewer, UpdateStudioRequest(studio, name="Newer", expected_revision=1))
    assert (caught.value.revision, caught.value.studio_id) == (2, studio)
