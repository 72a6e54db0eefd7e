"""The mutations on checkpoints, and starts from a chosen one, as clients call them."""

from typing import Any

import pytest

from services.domain.ids import new_id
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems

CHECKPOINTS = "query($id: ID!) { studio(id: $id) { checkpoints { nodes { id name deletedAt neededBy { kind studio { name } } } } } }"


async def running(database: Database, world: World, name: str = "Analysis") -> str:
    studio_id = await factories.create_studio(database, world, name, status="RUNNING", session_number=1)
    checkpoint_id = await factories.create_checkpoint(database, world, studio_id, f"{name}_1", status="EMPTY", save_order=0, reference=None)
    await factories.create_session(database, world, studio_id, checkpoint_id=checkpoint_id)
    return studio_id


@pytest.mark.behaviour("B34")
async def test_a_checkpoint_that_is_asked_for_again_while_it_is_saved_is_the_same(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await running(database, world))
    first = await api.mutate(world.viewer, "checkpointNow", studioId=studio_id, name="before the merge")
    assert (first["checkpoint"]["name"], first["checkpoint"]["status"]) == ("before_the_merge", "EMPTY")
    assert (first["operation"]["kind"], first["operation"]["state"]) == ("CHECKPOINT", "RUNNING")
    again = await api.mutate(world.viewer, "checkpointNow", studioId=studio_id)
    assert again == first
    other = await api.mutate(world.viewer, "checkpointNow", studioId=studio_id, name="another")
    assert (other["__typename"], other["status"]) == ("NotAllowedNowError", "RUNNING")


@pytest.mark.behaviour("B34")
@pytest.mark.parametrize("status", ["STOPPED", "STARTING", "STOPPING", "ERRORED"])
async def test_only_a_running_session_is_saved_on_request(api: Api, world: World, database: Database, status: str) -> None:
    studio_id = await factories.create_studio(database, world, status=status, session_number=1)
    await factories.create_session(database, world, studio_id)
    result = await api.mutate(world.viewer, "checkpointNow", studioId=gid("Studio", studio_id))
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", status)


@pytest.mark.behaviour("B32")
async def test_the_name_of_a_requested_checkpoint_is_free_and_not_empty(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await running(database, world))
    taken = await api.mutate(world.viewer, "checkpointNow", studioId=studio_id, name="ANALYSIS 1")
    assert (taken["code"], taken["field"]) == ("NAME_TAKEN", ["name"])
    assert problems(await api.mutate(world.viewer, "checkpointNow", studioId=studio_id, name=" ")) == [("name", "LENGTH")]


async def deleted(api: Api, world: World, checkpoint_id: str) -> dict[str, Any]:
    return await api.mutate(world.viewer, "deleteCheckpoint", checkpointId=gid("Checkpoint", checkpoint_id))


@pytest.mark.behaviour("B35")
async def test_a_checkpoint_is_deleted_and_its_row_stays_for_lineage(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world, "Analysis")
    older = await factories.create_checkpoint(database, world, studio_id, "first")
    newer = await factories.create_checkpoint(database, world, studio_id, "second", number=2, parent_id=older)
    for _ in range(2):
        assert (await deleted(api, world, older))["__typename"] == "CheckpointPayload"
    nodes = (await api.run(world.viewer, CHECKPOINTS, id=gid("Studio", studio_id)))["data"]["studio"]["checkpoints"]["nodes"]
    assert [node["name"] for node in nodes] == ["second"]
    parent = "query($id: ID!) { node(id: $id) { ... on Checkpoint { parent { name deletedAt } } } }"
    answer = await api.run(world.viewer, parent, id=gid("Checkpoint", newer))
    assert answer["data"]["node"]["parent"]["name"] == "first"
    assert answer["data"]["node"]["parent"]["deletedAt"] is not None
    async with database.read() as reader:
        tasks = (await reader.execute(core.checkpoint_cleanup.select())).all()
    assert [task.reference for task in tasks] == [f"checkpoints/{studio_id}/1"]
    renamed = await api.mutate(world.viewer, "renameCheckpoint", checkpointId=gid("Checkpoint", newer), name="first")
    assert renamed["checkpoint"]["name"] == "first"


@pytest.mark.behaviour("B35")
async def test_what_needs_a_checkpoint_is_listed_and_keeps_it(api: Api, world: World, database: Database) -> None:
    source = await factories.create_studio(database, world, "Source")
    base = await factories.create_checkpoint(database, world, source, "base")
    await factories.create_checkpoint(database, world, source, "newest", number=2)
    await factories.create_studio(database, world, "Clone", parent_checkpoint_id=base)
    user = await factories.create_studio(database, world, "User", status="RUNNING", session_number=1)
    await factories.create_session(database, world, user, base_checkpoint_id=base)
    result = await deleted(api, world, base)
    assert result["code"] == "STILL_NEEDED"
    assert result["neededBy"] == [
        {"kind": "NEXT_START", "studio": {"name": "Clone"}},
        {"kind": "SESSION", "studio": {"name": "User"}},
    ]
    assert "the next start of Studio Clone" in result["message"]
    nodes = (await api.run(world.viewer, CHECKPOINTS, id=gid("Studio", source)))["data"]["studio"]["checkpoints"]["nodes"]
    assert [len(node["neededBy"]) for node in nodes] == [1, 2]


@pytest.mark.behaviour("B35")
async def test_the_newest_save_is_needed_whatever_its_number(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world, "Analysis")
    saved_last = await factories.create_checkpoint(database, world, studio_id, "session", number=1, save_order=2)
    requested = await factories.create_checkpoint(database, world, studio_id, "requested", number=2, save_order=1)
    assert (await deleted(api, world, saved_last))["neededBy"] == [{"kind": "NEXT_START", "studio": {"name": "Analysis"}}]
    assert (await deleted(api, world, requested))["__typename"] == "CheckpointPayload"


@pytest.mark.behaviour("B35", "B74")
async def test_what_a_migration_has_yet_to_put_files_into_is_needed(api: Api, world: World, database: Database) -> None:
    original = await factories.create_studio(database, world, "Original")
    source = await factories.create_checkpoint(database, world, original)
    migrated = await factories.create_studio(database, world, status="ERRORED", session_number=1, parent_checkpoint_id=source)
    empty: dict[str, Any] = {"session_number": 0, "status": "EMPTY", "save_order": 0, "reference": None, "parent_id": source}
    result = await deleted(api, world, await factories.create_checkpoint(database, world, migrated, **empty))
    assert result["__typename"] == "CheckpointNeededError"
    assert [need["kind"] for need in result["neededBy"]] == ["NEXT_START"]


@pytest.mark.behaviour("B38")
async def test_a_studio_starts_from_an_older_checkpoint_of_its_own(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world)
    older = await factories.create_checkpoint(database, world, studio_id, "first")
    await factories.create_checkpoint(database, world, studio_id, "second", number=2)
    chosen = gid("Checkpoint", older)
    result = await api.mutate(world.viewer, "startStudio", studioId=gid("Studio", studio_id), fromCheckpointId=chosen)
    assert result["studio"]["status"] == "STARTING"
    async with database.read() as reader:
        session = (await reader.execute(core.session.select())).one()
    assert (session.base_checkpoint_id, session.chosen_base) == (older, True)


@pytest.mark.behaviour("B38")
async def test_a_start_from_a_checkpoint_that_cannot_be_started_from_says_why(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world)
    await factories.create_checkpoint(database, world, studio_id, "newest", number=9)
    values: dict[str, dict[str, Any]] = {
        "EMPTY": {"status": "EMPTY", "save_order": 0, "reference": None},
        "DELETED": {"deleted_at": factories.BEGAN},
    }
    for number, (code, columns) in enumerate(values.items()):
        checkpoint_id = await factories.create_checkpoint(database, world, studio_id, code, number=number, **columns)
        result = await start(api, world, studio_id, checkpoint_id)
        assert problems(result) == [("fromCheckpointId", code)]
    foreign = await factories.create_checkpoint(database, world, await factories.create_studio(database, world, "Other"))
    for absent in (foreign, new_id()):
        result = await start(api, world, studio_id, absent)
        assert (result["__typename"], result["field"]) == ("NotFoundError", ["fromCheckpointId"])


@pytest.mark.behaviour("B1", "B38")
@pytest.mark.parametrize("status", ["BUILDING", "STARTING", "RUNNING"])
async def test_a_start_from_another_checkpoint_than_that_of_the_session_is_no_silent_success(
    api: Api, world: World, database: Database, status: str
) -> None:
    studio_id = await factories.create_studio(database, world, status=status, session_number=1)
    older = await factories.create_checkpoint(database, world, studio_id, "older")
    newer = await factories.create_checkpoint(database, world, studio_id, "newer", number=2)
    await factories.create_session(database, world, studio_id, base_checkpoint_id=newer)
    refused = await start(api, world, studio_id, older)
    assert (refused["__typename"], refused["status"]) == ("NotAllowedNowError", status)
    assert "cannot start from another checkpoint now" in refused["message"]
    assert (await start(api, world, studio_id, newer))["__typename"] == "StudioPayload"


async def start(api: Api, world: World, studio_id: str, checkpoint_id: str) -> dict[str, Any]:
    values = {"studioId": gid("Studio", studio_id), "fromCheckpointId": gid("Checkpoint", checkpoint_id)}
    return await api.mutate(world.viewer, "startStudio", **values)


@pytest.mark.behaviour("B38")
async def test_a_start_from_a_missing_checkpoint_names_it(
    api: Api, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.studios.checkpoint_recheck.ANSWER_TIMEOUT_S", 0.01)
    studio_id = await factories.create_studio(database, world)
    missing = await factories.create_checkpoint(database, world, studio_id, "lost", status="INVALID")
    await factories.create_checkpoint(database, world, studio_id, "newest", number=2)
    result = await start(api, world, studio_id, missing)
    assert (result["__typename"], result["field"]) == ("CheckpointMissingError", ["fromCheckpointId"])
    assert (result["checkpoint"], result["olderCheckpoint"]) == ({"name": "lost"}, None)


@pytest.mark.behaviour("B22")
async def test_a_deleted_studio_leaves_what_a_clone_has_yet_to_start_from(api: Api, world: World, database: Database) -> None:
    source = await factories.create_studio(database, world, "Source")
    needed = await factories.create_checkpoint(database, world, source, "needed")
    former = await factories.create_checkpoint(database, world, source, "former", number=2)
    await factories.create_studio(database, world, "Clone", parent_checkpoint_id=needed)
    later = await factories.create_studio(database, world, "Later", parent_checkpoint_id=former)
    await factories.create_checkpoint(database, world, later, "own")
    assert (await api.mutate(world.viewer, "deleteStudio", studioId=gid("Studio", source)))["__typename"] == "DeleteStudioPayload"
    async with database.read() as reader:
        rows = (await reader.execute(core.checkpoint.select().where(core.checkpoint.c.studio_id == source))).all()
    assert {row.id for row in rows if row.deleted_at is None} == {needed}


@pytest.mark.behaviour("B22")
async def test_what_a_deleted_studio_left_goes_with_the_last_one_that_needs_it(api: Api, world: World, database: Database) -> None:
    source = await factories.create_studio(database, world, "Source")
    needed = await factories.create_checkpoint(database, world, source, "needed")
    clones = [await factories.create_studio(database, world, name, parent_checkpoint_id=needed) for name in ("One", "Two")]
    left = []
    for studio_id in (source, *clones):
        await api.mutate(world.viewer, "deleteStudio", studioId=gid("Studio", studio_id))
        async with database.read() as reader:
            left.append((await reader.execute(core.checkpoint.select().where(core.checkpoint.c.id == needed))).one().deleted_at is None)
    assert left == [True, True, False]
