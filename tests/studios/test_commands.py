"""Starting, stopping, editing and deleting Studios: what the commands write, and what they refuse."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner, IdempotencyKeyReused
from services.domain.access import Role
from services.domain.errors import CheckpointDataMissing, Conflict, Forbidden, InvalidInput, NotAllowedNow, NotFound
from services.domain.ids import new_id
from services.domain.statuses import StudioStatus
from services.domain.time_policy import TimePolicy
from services.secrets.secret_box import SecretBox
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios import checkpoint_recheck
from services.studios.requests import (
    Configuration,
    CreateStudioRequest,
    EnvVar,
    RenameCheckpointRequest,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    UpdateStudioRequest,
)
from services.studios.studios import Studios
from tests import factories
from tests.factories import World
from tests.studios.conftest import kinds, set_status, studio_row

ENDED = ["STOPPED", "ERRORED", "BUILD_FAILED"]
HELD = ["BUILDING", "STARTING", "RUNNING", "STOPPING"]


@pytest.fixture
async def studio(database: Database, world: World) -> str:
    return await factories.create_studio(database, world, "Cells")


@pytest.fixture
async def running(database: Database, studios: Studios, world: World, studio: str) -> str:
    await studios.start(world.viewer, StartStudioRequest(studio))
    await set_status(database, studio, "RUNNING")
    return studio


@pytest.mark.behaviour("B1")
async def test_a_start_writes_the_session_its_checkpoint_and_the_operation(
    database: Database, studios: Studios, world: World, studio: str
) -> None:
    outcome = await studios.start(world.viewer, StartStudioRequest(studio))
    row = await studio_row(database, studio)
    assert (row["status"], row["session_number"], row["operation_id"]) == ("STARTING", 1, outcome.operation_id)
    async with database.read() as reader:
        session = (await reader.execute(core.session.select())).one()
        checkpoint = (await reader.execute(core.checkpoint.select())).one()
        operation = (await reader.execute(core.operation.select())).one()
    assert (session.checkpoint_id, checkpoint.status, checkpoint.name) == (checkpoint.id, "EMPTY", "Cells_1")
    assert (operation.kind, operation.state, {step["state"] for step in operation.steps}) == ("START", "RUNNING", {"PENDING"})


@pytest.mark.behaviour("B1")
async def test_overrides_are_for_one_session_unless_saved(database: Database, studios: Studios, world: World, studio: str) -> None:
    await studios.start(world.viewer, StartStudioRequest(studio, Configuration(cpu=1)))
    assert (await studio_row(database, studio))["cpu"] == 2
    await set_status(database, studio, "STOPPED")
    await studios.start(world.viewer, StartStudioRequest(studio, Configuration(cpu=3), save=True))
    row = await studio_row(database, studio)
    assert (row["cpu"], row["revision"]) == (3, 2)
    async with database.read() as reader:
        rows = await reader.execute(core.session.select().order_by(core.session.c.number))
        assert [row.configuration["cpu"] for row in rows] == [1, 3]


@pytest.mark.behaviour("B1")
async def test_overrides_of_a_running_studio_are_refused(studios: Studios, world: World, running: str) -> None:
    with pytest.raises(NotAllowedNow, match="is already running"):
        await studios.start(world.viewer, StartStudioRequest(running, Configuration(cpu=1)))


@pytest.mark.behaviour("B1")
@pytest.mark.behaviour("B12")
async def test_overrides_of_a_studio_that_starts_are_refused_and_say_so(
    database: Database, studios: Studios, world: World, studio: str
) -> None:
    await studios.start(world.viewer, StartStudioRequest(studio))
    with pytest.raises(NotAllowedNow, match="is already starting") as caught:
        await studios.start(world.viewer, StartStudioRequest(studio, Configuration(cpu=1)))
    assert caught.value.until == (await studio_row(database, studio))["deadline"]


@pytest.mark.behaviour("B1")
@pytest.mark.behaviour("B91")
async def test_launch_may_override_resources_but_not_environment_or_save(
    database: Database, studios: Studios, world: World, studio: str
) -> None:
    launcher, _ = await factories.create_viewer(database, world.workspace_id, Role.LAUNCH)
    for request in (
        StartStudioRequest(studio, Configuration(env_vars=(EnvVar("A", "b"),))),
        StartStudioRequest(studio, Configuration(cpu=1), save=True),
    ):
        with pytest.raises(Forbidden, match="MAINTAIN"):
            await studios.start(launcher, request)
    assert (await studios.start(launcher, StartStudioRequest(studio, Configuration(cpu=1)))).operation_id


@pytest.mark.behaviour("B10")
async def test_a_restart_begins_from_the_newest_saved_checkpoint(database: Database, studios: Studios, world: World, studio: str) -> None:
    await factories.create_checkpoint(database, world, studio, number=1)
    interim = await factories.create_checkpoint(database, world, studio, number=2, status="INTERIM")
    await factories.create_checkpoint(database, world, studio, number=3, status="EMPTY", reference=None)
    await studios.start(world.viewer, StartStudioRequest(studio))
    async with database.read() as reader:
        assert (await reader.execute(core.session.select())).one().base_checkpoint_id == interim


@pytest.fixture
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No controller answers, so that a start need not wait for long."""
    monkeypatch.setattr(checkpoint_recheck, "ANSWER_TIMEOUT_S", 0.01)


@pytest.mark.behaviour("B38")
@pytest.mark.usefixtures("nobody_looks")
@pytest.mark.parametrize("older", [True, False])
async def test_a_start_without_the_newest_files_is_refused_until_it_is_accepted(
    database: Database, studios: Studios, world: World, studio: str, older: bool
) -> None:
    older_id = await factories.create_checkpoint(database, world, studio, number=1) if older else None
    newest = await factories.create_checkpoint(database, world, studio, number=2, status="INVALID")
    with pytest.raises(CheckpointDataMissing, match="from the older checkpoint" if older else "without any saved files") as caught:
        await studios.start(world.viewer, StartStudioRequest(studio, idempotency_key="k"))
    assert (caught.value.checkpoint_id, caught.value.older_checkpoint_id) == (newest, older_id)
    for _ in range(2):  # repeated, it is the same start
        accepted = StartStudioRequest(studio, accept_older_checkpoint=True, idempotency_key="l")
        await studios.start(world.viewer, accepted)
    async with database.read() as reader:
        assert (await reader.execute(core.session.select())).one().base_checkpoint_id == older_id


@pytest.mark.behaviour("B38", "B76")
@pytest.mark.usefixtures("nobody_looks")
async def test_a_retried_build_without_the_newest_files_is_refused_until_it_is_accepted(
    database: Database, studios: Studios, world: World
) -> None:
    studio = await factories.create_studio(database, world, status="BUILD_FAILED")
    older = await factories.create_checkpoint(database, world, studio, number=1)
    newest = await factories.create_checkpoint(database, world, studio, number=2, status="INVALID")
    with pytest.raises(CheckpointDataMissing, match="from the older checkpoint") as caught:
        await studios.retry_build(world.viewer, StudioActionRequest(studio))
    assert (caught.value.checkpoint_id, caught.value.older_checkpoint_id) == (newest, older)
    await studios.retry_build(world.viewer, StudioActionRequest(studio, accept_older_checkpoint=True))
    async with database.read() as reader:
        assert (await reader.execute(core.session.select())).one().base_checkpoint_id == older


@pytest.mark.behaviour("B12")
async def test_a_repeated_start_or_stop_changes_nothing(database: Database, studios: Studios, world: World, running: str) -> None:
    before = await kinds(database, running)
    assert (await studios.start(world.viewer, StartStudioRequest(running))).studio_id == running
    assert await kinds(database, running) == before
    await studios.stop(world.viewer, StopStudioRequest(running))
    stopping = await kinds(database, running)
    await studios.stop(world.viewer, StopStudioRequest(running))
    assert await kinds(database, running) == stopping


@pytest.mark.behaviour("B12")
async def test_twenty_starts_at_once_make_one_session(database: Database, studios: Studios, world: World, studio: str) -> None:
    outcomes = await asyncio.gather(*(studios.start(world.viewer, StartStudioRequest(studio)) for _ in range(20)))
    assert len({outcome.operation_id for outcome in outcomes}) == 1
    async with database.read() as reader:
        assert len((await reader.execute(core.session.select())).all()) == 1


@pytest.mark.behaviour("B12")
async def test_a_start_while_stopping_is_a_conflict(studios: Studios, world: World, running: str) -> None:
    await studios.stop(world.viewer, StopStudioRequest(running))
    with pytest.raises(Conflict, match="stopping"):
        await studios.start(world.viewer, StartStudioRequest(running))


@pytest.mark.behaviour("B7")
async def test_a_stop_while_starting_says_when_the_deadline_falls(database: Database, studios: Studios, world: World, studio: str) -> None:
    await studios.start(world.viewer, StartStudioRequest(studio))
    with pytest.raises(NotAllowedNow) as caught:
        await studios.stop(world.viewer, StopStudioRequest(studio))
    assert caught.value.until == (await studio_row(database, studio))["deadline"]
    assert f"{caught.value.until:%H:%M:%S}" in caught.value.message


@pytest.mark.behaviour("B57")
async def test_a_stop_tells_everybody_connected_who_and_why(database: Database, studios: Studios, world: World, running: str) -> None:
    await studios.stop(world.viewer, StopStudioRequest(running))
    async with database.read() as reader:
        event = (await reader.execute(core.event.select().where(core.event.c.kind == "connection.error"))).one()
    assert event.payload == {"code": "STUDIO_STOPPED", "reason": "Stopped by ada.", "retryable": True, "session_number": 1}
    assert event.actor["user_id"] == world.user_id


@pytest.mark.behaviour("B57")
async def test_a_stop_with_a_grace_warns_first(database: Database, studios: Studios, world: World, running: str) -> None:
    await studios.stop(world.viewer, StopStudioRequest(running, grace_seconds=60))
    row = await studio_row(database, running)
    async with database.read() as reader:
        event = (await reader.execute(core.event.select().where(core.event.c.kind == "disruption.warning"))).one()
        session = (await reader.execute(core.session.select())).one()
    assert row["status"] == "RUNNING"
    assert session.stop_at - event.at == timedelta(seconds=60)
    assert event.payload["reason"] == "ada will stop the Studio in 60 s."


@pytest.mark.behaviour("B12")
async def test_a_planned_stop_is_not_put_off_by_a_later_one(database: Database, studios: Studios, world: World, running: str) -> None:
    for seconds in (600, 60, 3600):
        await studios.stop(world.viewer, StopStudioRequest(running, grace_seconds=seconds))
    async with database.read() as reader:
        warnings = (await reader.execute(core.event.select().where(core.event.c.kind == "disruption.warning"))).all()
        session = (await reader.execute(core.session.select())).one()
    assert [event.payload["reason"] for event in warnings] == ["ada will stop the Studio in 600 s.", "ada will stop the Studio in 60 s."]
    assert session.stop_at.isoformat() == warnings[-1].payload["at"]


async def test_a_grace_beyond_an_hour_is_refused(studios: Studios, world: World, running: str) -> None:
    with pytest.raises(InvalidInput, match="grace"):
        await studios.stop(world.viewer, StopStudioRequest(running, grace_seconds=3601))


async def test_a_stop_cancels_a_build(database: Database, studios: Studios, world: World) -> None:
    building = await factories.create_studio(database, world, status="BUILDING")
    await studios.stop(world.viewer, StopStudioRequest(building))
    assert (await studio_row(database, building))["status"] == "STOPPED"


@pytest.mark.behaviour("B20")
async def test_connect_may_delete_and_view_may_not(database: Database, studios: Studios, world: World, studio: str) -> None:
    looker, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW)
    visitor, _ = await factories.create_viewer(database, world.workspace_id, Role.CONNECT)
    with pytest.raises(Forbidden, match="CONNECT"):
        await studios.delete(looker, StudioActionRequest(studio))
    assert await studios.delete(visitor, StudioActionRequest(studio))


@pytest.mark.behaviour("B21")
@pytest.mark.parametrize("status", HELD)
async def test_a_studio_that_has_not_ended_cannot_be_deleted(database: Database, studios: Studios, world: World, status: str) -> None:
    studio = await factories.create_studio(database, world, status=status)
    with pytest.raises(NotAllowedNow, match="Stop it first"):
        await studios.delete(world.viewer, StudioActionRequest(studio))


@pytest.mark.behaviour("B22")
async def test_deleting_keeps_checkpoints_that_another_studio_needs_and_removes_the_rest(
    database: Database, studios: Studios, world: World, studio: str
) -> None:
    needed = await factories.create_checkpoint(database, world, studio, number=1)
    spare = await factories.create_checkpoint(database, world, studio, number=2)
    await factories.create_studio(database, world, parent_checkpoint_id=needed)
    await factories.create_session(database, world, studio, number=2)
    await studios.delete(world.viewer, StudioActionRequest(studio))
    async with database.read() as reader:
        kept = {row.id: row.deleted_at for row in await reader.execute(core.checkpoint.select())}
        garbage = [row.reference for row in await reader.execute(core.checkpoint_cleanup.select())]
        left = [row.session_number for row in await reader.execute(core.session_cleanup.select())]
    assert kept[needed] is None
    assert kept[spare] is not None
    assert garbage == [f"checkpoints/{studio}/2"]
    assert left == [2]
    with pytest.raises(NotFound):
        await studios.delete(world.viewer, StudioActionRequest(studio))


@pytest.mark.behaviour("B95")
async def test_a_replayed_delete_answers_the_first_result(studios: Studios, world: World, studio: str) -> None:
    first = await studios.delete(world.viewer, StudioActionRequest(studio, idempotency_key="k"))
    assert await studios.delete(world.viewer, StudioActionRequest(studio, idempotency_key="k")) == first


@pytest.mark.behaviour("B92")
async def test_a_stranger_cannot_tell_forbidden_from_absent(database: Database, studios: Studios, world: World, studio: str) -> None:
    stranger, _ = await factories.create_token(database, await factories.create_user(database))
    answers = set()
    for target in (studio, new_id()):
        for command in (
            studios.start(stranger, StartStudioRequest(target)),
            studios.stop(stranger, StopStudioRequest(target)),
            studios.update(stranger, UpdateStudioRequest(target, name="New")),
            studios.delete(stranger, StudioActionRequest(target)),
            studios.star(stranger, StudioActionRequest(target)),
        ):
            with pytest.raises(NotFound) as caught:
                await command
            answers.add((caught.value.code, caught.value.message, tuple(caught.value.field or ())))
    assert len(answers) == 1


async def test_a_star_is_its_users_own(database: Database, studios: Studios, world: World, studio: str) -> None:
    for _ in range(2):
        await studios.star(world.viewer, StudioActionRequest(studio))
    async with database.read() as reader:
        assert [row.user_id for row in await reader.execute(core.star.select())] == [world.user_id]
    await studios.unstar(world.viewer, StudioActionRequest(studio))
    async with database.read() as reader:
        assert (await reader.execute(core.star.select())).all() == []


@pytest.mark.behaviour("B32")
async def test_a_checkpoint_is_renamed_with_underscores_and_once_in_its_studio(
    database: Database, checkpoints: Checkpoints, world: World, studio: str
) -> None:
    first = await factories.create_checkpoint(database, world, studio, "one", number=1)
    second = await factories.create_checkpoint(database, world, studio, "two", number=2)
    await checkpoints.rename(world.viewer, RenameCheckpointRequest(first, "after  the demo"))
    async with database.read() as reader:
        statement = core.checkpoint.select().where(core.checkpoint.c.id == first)
        assert (await reader.execute(statement)).one().name == "after_the_demo"
    with pytest.raises(Conflict, match="After_the_DEMO"):
        await checkpoints.rename(world.viewer, RenameCheckpointRequest(second, "After the DEMO"))
    with pytest.raises(NotFound):
        await checkpoints.rename(world.viewer, RenameCheckpointRequest(new_id(), "x"))


@pytest.mark.behaviour("B32")
async def test_a_default_name_that_somebody_gave_already_is_varied(database: Database, studios: Studios, world: World, studio: str) -> None:
    await factories.create_checkpoint(database, world, studio, "Cells_2", number=1)
    await studios.start(world.viewer, StartStudioRequest(studio))
    async with database.read() as reader:
        rows = await reader.execute(core.checkpoint.select().order_by(core.checkpoint.c.number))
        assert [row.name for row in rows] == ["Cells_2", "Cells_2_2"]


def test_every_status_is_either_held_or_ended() -> None:
    assert sorted([*ENDED, *HELD]) == sorted(StudioStatus)


@pytest.mark.behaviour("B95")
async def test_a_field_that_is_absent_is_another_input_than_any_text(database: Database, studios: Studios, world: World) -> None:
    request = CreateStudioRequest(world.workspace_id, "Cells", world.template_id, auto_start=False)
    studio = (await studios.create(world.viewer, request)).studio_id
    await studios.update(world.viewer, UpdateStudioRequest(studio, idempotency_key="k"))
    with pytest.raises(IdempotencyKeyReused):
        await studios.update(world.viewer, UpdateStudioRequest(studio, name="unset", idempotency_key="k"))


@pytest.mark.behaviour("B95")
async def test_the_digest_of_an_input_needs_the_key_of_the_installation(database: Database, box: SecretBox, world: World) -> None:
    """An input may hold a secret of few letters, which could be guessed from a digest without a key."""
    request = CreateStudioRequest(world.workspace_id, "Cells", world.template_id, auto_start=False)
    studio = (
        await Studios(CommandRunner(database), TimePolicy(), box, "installation", Wakeups(database)).create(world.viewer, request)
    ).studio_id
    for key in (b"one", b"another"):
        commands = Studios(CommandRunner(database, key), TimePolicy(), box, "installation", Wakeups(database))
        await commands.star(world.viewer, StudioActionRequest(studio, idempotency_key=key.decode()))
    async with database.read() as reader:
        digests = (await reader.execute(select(core.idempotency_key.c.input_hash))).scalars().all()
    assert len(set(digests)) == 2
