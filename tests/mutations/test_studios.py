"""The mutations on Studios, as clients call them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.domain.access import Role
from services.store.db.database import Database
from services.studios import checkpoint_recheck
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems


@pytest.fixture
def new(world: World) -> dict[str, Any]:
    """The least that a new Studio needs."""
    return {"workspaceId": gid("Workspace", world.workspace_id), "name": "Analysis", "templateId": gid("Template", world.template_id)}


@pytest.mark.behaviour("B11")
async def test_a_studio_is_added_and_started(api: Api, world: World, new: dict[str, Any]) -> None:
    result = await api.mutate(world.viewer, "createStudio", **new)
    assert result["__typename"] == "StudioPayload"
    assert (result["studio"]["name"], result["studio"]["status"]) == ("Analysis", "STARTING")
    assert (result["operation"]["kind"], result["operation"]["state"]) == ("START", "RUNNING")


@pytest.mark.behaviour("B11")
async def test_a_studio_is_added_only(api: Api, world: World, new: dict[str, Any]) -> None:
    result = await api.mutate(world.viewer, "createStudio", **new, autoStart=False, description="Reads", cpu=1.5, memoryMiB=512)
    assert (result["studio"]["status"], result["studio"]["description"], result["operation"]) == ("STOPPED", "Reads", None)
    assert result["studio"]["configuration"] == {"cpu": 1.5, "memoryMiB": 512, "gpu": 0, "lifespanHours": 8}


@pytest.mark.behaviour("B15")
async def test_a_name_is_taken_once_whatever_its_case(api: Api, world: World, new: dict[str, Any]) -> None:
    await api.mutate(world.viewer, "createStudio", **new)
    result = await api.mutate(world.viewer, "createStudio", **new | {"name": " ANALYSIS "})
    assert (result["__typename"], result["code"], result["field"]) == ("ConflictError", "NAME_TAKEN", ["name"])


@pytest.mark.behaviour("B16")
async def test_everything_wrong_with_a_new_studio_is_said_at_once(api: Api, world: World, new: dict[str, Any]) -> None:
    wrong: dict[str, Any] = {
        "name": "x" * 81,
        "description": "x" * 2049,
        "cpu": 99,
        "memoryMiB": -1,
        "lifespanHours": 121,
        "environment": [{"key": "GOOD", "value": ""}, {"key": "1BAD", "value": ""}],
    }
    result = await api.mutate(world.viewer, "createStudio", **new | wrong)
    assert sorted(problems(result)) == [
        ("cpu", "CAPACITY"),
        ("description", "LENGTH"),
        ("environment.1.key", "CHARACTERS"),
        ("lifespanHours", "RANGE"),
        ("memoryMiB", "RANGE"),
        ("name", "LENGTH"),
    ]


@pytest.mark.behaviour("B16")
async def test_too_many_variables_are_one_problem(api: Api, world: World, new: dict[str, Any]) -> None:
    variables = [{"key": "1BAD", "value": ""}] * 101
    assert problems(await api.mutate(world.viewer, "createStudio", **new | {"environment": variables})) == [("environment", "LENGTH")]


@pytest.mark.behaviour("B1")
async def test_a_stopped_studio_is_started_with_overrides_for_this_session(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    result = await api.mutate(world.viewer, "startStudio", studioId=studio_id, overrides={"cpu": 4})
    assert (result["studio"]["status"], result["studio"]["revision"], result["studio"]["configuration"]["cpu"]) == ("STARTING", 1, 2)


@pytest.mark.behaviour("B1")
async def test_overrides_are_kept_if_that_is_asked(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    result = await api.mutate(world.viewer, "startStudio", studioId=studio_id, overrides={"cpu": 4}, save=True, expectedRevision=1)
    assert (result["studio"]["revision"], result["studio"]["configuration"]["cpu"]) == (2, 4)


@pytest.mark.behaviour("B1")
async def test_overrides_of_a_running_studio_are_refused(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1))
    result = await api.mutate(world.viewer, "startStudio", studioId=studio_id, overrides={"cpu": 4})
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", "RUNNING")


@pytest.mark.behaviour("B1")
async def test_what_is_wrong_with_overrides_is_said_where_it_stands(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    result = await api.mutate(world.viewer, "startStudio", studioId=studio_id, overrides={"cpu": 99, "memoryMiB": 99_999_999})
    assert problems(result) == [("overrides.cpu", "CAPACITY"), ("overrides.memoryMiB", "CAPACITY")]


@pytest.mark.behaviour("B12")
async def test_a_repeated_start_or_stop_changes_nothing(api: Api, world: World, database: Database) -> None:
    running = gid("Studio", await factories.create_studio(database, world, "Running", status="RUNNING", session_number=1))
    stopped = gid("Studio", await factories.create_studio(database, world, "Stopped"))
    started = await api.mutate(world.viewer, "startStudio", studioId=running)
    ended = await api.mutate(world.viewer, "stopStudio", studioId=stopped)
    assert (started["studio"]["status"], ended["studio"]["status"]) == ("RUNNING", "STOPPED")


@pytest.mark.behaviour("B12")
async def test_a_start_while_it_stops_is_a_conflict(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis", status="STOPPING", session_number=1))
    assert (await api.mutate(world.viewer, "startStudio", studioId=studio_id))["__typename"] == "ConflictError"


@pytest.mark.behaviour("B7")
async def test_a_stop_while_it_starts_is_refused_with_the_deadline(api: Api, world: World, database: Database) -> None:
    deadline = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=15)
    starting = await factories.create_studio(database, world, "Analysis", status="STARTING", session_number=1, deadline=deadline)
    result = await api.mutate(world.viewer, "stopStudio", studioId=gid("Studio", starting))
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", "STARTING")
    assert datetime.fromisoformat(result["until"]) == deadline


@pytest.mark.behaviour("B8")
async def test_a_running_studio_is_stopped(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1)
    await factories.create_session(database, world, studio_id)
    result = await api.mutate(world.viewer, "stopStudio", studioId=gid("Studio", studio_id))
    assert (result["studio"]["status"], result["operation"]["kind"]) == ("STOPPING", "STOP")


@pytest.mark.behaviour("B14")
async def test_an_edit_changes_what_is_given_and_nothing_else(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis", description="Old"))
    renamed = await api.mutate(world.viewer, "updateStudio", studioId=studio_id, name="Results")
    assert (renamed["studio"]["name"], renamed["studio"]["description"], renamed["studio"]["revision"]) == ("Results", "Old", 2)
    cleared = await api.mutate(world.viewer, "updateStudio", studioId=studio_id, description=None)
    assert (cleared["studio"]["name"], cleared["studio"]["description"]) == ("Results", None)


@pytest.mark.behaviour("B14")
async def test_a_running_studio_is_not_edited(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1))
    result = await api.mutate(world.viewer, "updateStudio", studioId=studio_id, name="Results")
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", "RUNNING")


async def test_null_is_refused_where_it_means_nothing(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    result = await api.mutate(world.viewer, "updateStudio", studioId=studio_id, name=None, memoryMiB=None, environment=None)
    assert problems(result) == [("name", "NULL"), ("memoryMiB", "NULL"), ("environment", "NULL")]


@pytest.mark.behaviour("B14")
async def test_a_secret_value_is_kept_if_there_is_one(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    missing = await api.mutate(world.viewer, "updateStudio", studioId=studio_id, environment=[{"key": "TOKEN"}])
    assert problems(missing) == [("environment.0.value", "REQUIRED")]
    secret = [{"key": "TOKEN", "value": "hunter22", "secret": True}]
    assert (await api.mutate(world.viewer, "updateStudio", studioId=studio_id, environment=secret))["studio"]["revision"] == 2
    assert (await api.mutate(world.viewer, "updateStudio", studioId=studio_id, environment=[{"key": "TOKEN"}]))["studio"]["revision"] == 2


@pytest.mark.behaviour("B22")
@pytest.mark.parametrize("status", ["STOPPED", "ERRORED", "BUILD_FAILED"])
async def test_an_ended_studio_is_deleted_at_once(api: Api, world: World, database: Database, status: str) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis", status=status))
    result = await api.mutate(world.viewer, "deleteStudio", studioId=studio_id)
    assert (result["__typename"], result["deletedStudioId"]) == ("DeleteStudioPayload", studio_id)
    assert (await api.mutate(world.viewer, "startStudio", studioId=studio_id))["__typename"] == "NotFoundError"


@pytest.mark.behaviour("B21")
@pytest.mark.parametrize("status", ["BUILDING", "STARTING", "RUNNING", "STOPPING"])
async def test_a_studio_that_has_not_ended_is_not_deleted(api: Api, world: World, database: Database, status: str) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis", status=status, session_number=1))
    result = await api.mutate(world.viewer, "deleteStudio", studioId=studio_id)
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", status)


@pytest.mark.behaviour("B20")
@pytest.mark.parametrize("role", Role)
async def test_every_role_but_view_deletes(api: Api, world: World, database: Database, role: Role) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    viewer, _ = await factories.create_viewer(database, world.workspace_id, role)
    result = await api.mutate(viewer, "deleteStudio", studioId=studio_id)
    assert result["__typename"] == ("ForbiddenError" if role is Role.VIEW else "DeleteStudioPayload")


@pytest.mark.behaviour("B86")
async def test_a_star_is_the_viewers_own(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    other, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW)
    for _ in range(2):
        assert (await api.mutate(world.viewer, "starStudio", studioId=studio_id))["studio"]["isStarred"] is True
    assert (await api.mutate(other, "unstarStudio", studioId=studio_id))["studio"]["isStarred"] is False
    assert (await api.mutate(world.viewer, "unstarStudio", studioId=studio_id))["studio"]["isStarred"] is False


@pytest.mark.behaviour("B32")
async def test_a_checkpoint_is_renamed(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world, "Analysis")
    checkpoint_id = gid("Checkpoint", await factories.create_checkpoint(database, world, studio_id, "analysis_1"))
    await factories.create_checkpoint(database, world, studio_id, "analysis_2", number=2)
    renamed = await api.mutate(world.viewer, "renameCheckpoint", checkpointId=checkpoint_id, name="before the merge")
    assert renamed["checkpoint"] == {"id": checkpoint_id, "name": "before_the_merge", "status": "FINALIZED"}
    taken = await api.mutate(world.viewer, "renameCheckpoint", checkpointId=checkpoint_id, name="analysis 2")
    assert (taken["__typename"], taken["field"]) == ("ConflictError", ["name"])
    empty = await api.mutate(world.viewer, "renameCheckpoint", checkpointId=checkpoint_id, name=" ")
    assert problems(empty) == [("name", "LENGTH")]


@pytest.mark.behaviour("B6")
async def test_a_running_studio_lets_its_member_in(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1)
    await factories.create_session(database, world, studio_id, upstream={"unix": "/run/tool.sock"})
    result = await api.mutate(world.viewer, "connectStudio", studioId=gid("Studio", studio_id))
    assert result["__typename"] == "ConnectStudioPayload"
    assert "?code=" in result["url"]
    again = await api.mutate(world.viewer, "connectStudio", studioId=gid("Studio", studio_id), idempotencyKey="k")
    assert again["url"] != result["url"]


async def test_a_studio_that_does_not_run_lets_nobody_in(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    result = await api.mutate(world.viewer, "connectStudio", studioId=studio_id)
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", "STOPPED")


@pytest.mark.behaviour("B38")
async def test_a_start_without_the_newest_files_names_both_checkpoints(
    api: Api, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_recheck, "ANSWER_TIMEOUT_S", 0.01)  # no controller is there to look again
    studio = await factories.create_studio(database, world, "Cells")
    await factories.create_checkpoint(database, world, studio, "Cells_1", number=1)
    await factories.create_checkpoint(database, world, studio, "Cells_2", number=2, status="INVALID")
    refused = await api.mutate(world.viewer, "startStudio", studioId=gid("Studio", studio))
    assert (refused["__typename"], refused["code"], refused["field"]) == (
        "CheckpointMissingError",
        "CHECKPOINT_MISSING",
        ["acceptOlderCheckpoint"],
    )
    assert (refused["checkpoint"]["name"], refused["olderCheckpoint"]["name"]) == ("Cells_2", "Cells_1")
    accepted = await api.mutate(world.viewer, "startStudio", studioId=gid("Studio", studio), acceptOlderCheckpoint=True)
    assert accepted["studio"]["status"] == "STARTING"
