""" "Add as new", as clients call it: what a clone is made from, what it inherits, what is locked, and its preview."""

from typing import Any

import pytest

from services.domain.access import Role, TokenScope
from services.domain.ids import new_id
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems

CHECKPOINTS = "query($id: ID!, $first: Int, $after: Cursor, $search: String) { studio(id: $id) { checkpoints(first: $first, after: $after, search: $search) { totalCount pageInfo { endCursor hasNextPage } nodes { id name inherited } } } }"  # noqa: E501 - one document
PREVIEW = """query($input: CloneStudioInput!) { previewClone(input: $input) { lockedFields
  wouldCreate { name description cpu memoryMiB lifespanHours template { name } computeEnvironment { name } checkpoint { name }
    environment { key value secret } }
  refusals { __typename code message field } } }"""
LINEAGE = """query($id: ID!) { studio(id: $id) { lineage { ancestors { name studio { name } }
  derived { studio { name } checkpoint { name } } } } }"""


async def source(database: Database, world: World, **values: Any) -> str:
    studio_id = await factories.create_studio(database, world, "Source", cpu=1.5, memory_mib=2048, description="Reads", **values)
    first = await factories.create_checkpoint(database, world, studio_id, "first")
    await factories.create_checkpoint(database, world, studio_id, "second", number=2, parent_id=first)
    return studio_id


async def clone(api: Api, world: World, studio_id: str, name: str = "Clone", **values: Any) -> dict[str, Any]:
    return await api.mutate(world.viewer, "cloneStudio", **{"from": {"studioId": gid("Studio", studio_id)}, "name": name} | values)


async def clone_of(api: Api, world: World, checkpoint_id: str, name: str = "Clone", **values: Any) -> dict[str, Any]:
    made_from = {"checkpointId": gid("Checkpoint", checkpoint_id)}
    return await api.mutate(world.viewer, "cloneStudio", **{"from": made_from, "name": name} | values)


async def listed(api: Api, world: World, studio_id: str, **values: Any) -> list[tuple[str, bool]]:
    """The names of the Studio's checkpoints, and whether they are inherited; `studio_id` is the global one."""
    answer = await api.run(world.viewer, CHECKPOINTS, id=studio_id, **values)
    return [(node["name"], node["inherited"]) for node in answer["data"]["studio"]["checkpoints"]["nodes"]]


@pytest.mark.behaviour("B40", "B41", "B44")
async def test_a_clone_begins_from_the_latest_checkpoint_and_inherits_its_history(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world)
    before = await row(database, studio_id)
    result = await clone(api, world, studio_id, cpu=1)
    assert (result["studio"]["status"], result["operation"]["kind"]) == ("STARTING", "START")
    assert result["studio"]["configuration"] == {"cpu": 1, "memoryMiB": 2048, "gpu": 0, "lifespanHours": 8}
    assert result["studio"]["description"] == "Reads"
    assert await listed(api, world, result["studio"]["id"]) == [("Clone_1", False), ("second", True), ("first", True)]
    assert await row(database, studio_id) == before
    assert await listed(api, world, gid("Studio", studio_id)) == [("second", False), ("first", False)]


async def row(database: Database, studio_id: str) -> Any:
    async with database.read() as reader:
        return (await reader.execute(core.studio.select().where(core.studio.c.id == studio_id))).one()


@pytest.mark.behaviour("B40")
async def test_a_clone_begins_from_any_chosen_checkpoint_also_an_inherited_one(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world)
    first = (await checkpoint_ids(database))["first"]
    made = await clone_of(api, world, first, autoStart=False)
    assert (made["studio"]["status"], made["operation"]) == ("STOPPED", None)
    assert await listed(api, world, made["studio"]["id"]) == [("first", True)]
    assert (await api.mutate(world.viewer, "deleteStudio", studioId=gid("Studio", studio_id)))["__typename"] == "DeleteStudioPayload"
    second = await clone_of(api, world, first, "Clone of what is kept")
    assert (second["studio"]["status"], second["studio"]["description"]) == ("STARTING", None)


async def checkpoint_ids(database: Database) -> dict[str, str]:
    async with database.read() as reader:
        return {row.name: row.id for row in (await reader.execute(core.checkpoint.select())).all()}


@pytest.mark.behaviour("B40")
async def test_what_a_running_session_is_saved_to_is_no_base_and_the_error_says_what_to_do(
    api: Api, world: World, database: Database
) -> None:
    studio_id = await factories.create_studio(database, world, "Source", status="RUNNING", session_number=1)
    written = await factories.create_checkpoint(database, world, studio_id, "written", status="INTERIM")
    await factories.create_session(database, world, studio_id, checkpoint_id=written)
    for result in (await clone(api, world, studio_id), await clone_of(api, world, written)):
        assert (result["__typename"], result["status"]) == ("NotAllowedNowError", "RUNNING")
        assert "checkpointNow" in result["message"]
    await factories.create_checkpoint(database, world, studio_id, "requested", number=2, save_order=0)
    result = await clone(api, world, studio_id)
    assert await listed(api, world, result["studio"]["id"]) == [("Clone_1", False), ("requested", True)]


@pytest.mark.behaviour("B40")
async def test_unsaved_files_are_not_left_out_silently(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world, status="ERRORED", session_number=3)
    await factories.create_session(database, world, studio_id, number=3, ended_at=factories.BEGAN)
    result = await clone(api, world, studio_id)
    assert result["__typename"] == "NotAllowedNowError"
    assert "not saved yet" in result["message"]
    assert (await clone_of(api, world, (await checkpoint_ids(database))["second"]))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B40")
async def test_a_checkpoint_that_cannot_be_started_from_says_why(
    api: Api, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.studios.checkpoint_recheck.ANSWER_TIMEOUT_S", 0.01)
    studio_id = await source(database, world)
    values: dict[str, dict[str, Any]] = {
        "EMPTY": {"status": "EMPTY", "save_order": 0, "reference": None},
        "DELETED": {"deleted_at": factories.BEGAN},
    }
    for number, (code, columns) in enumerate(values.items(), start=3):
        checkpoint_id = await factories.create_checkpoint(database, world, studio_id, code, number=number, **columns)
        assert problems(await clone_of(api, world, checkpoint_id)) == [("from.checkpointId", code)]
    lost = await factories.create_checkpoint(database, world, studio_id, "lost", number=9, status="INVALID")
    missing = await clone_of(api, world, lost)
    assert (missing["__typename"], missing["field"]) == ("CheckpointMissingError", ["from", "checkpointId"])
    missing = await clone(api, world, studio_id)
    assert (missing["__typename"], missing["field"]) == ("CheckpointMissingError", ["from", "studioId"])


@pytest.mark.behaviour("B42")
async def test_locked_fields_are_refused_by_name(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world)
    locked: dict[str, Any] = {
        "templateId": gid("Template", world.template_id),
        "computeEnvironmentId": gid("ComputeEnvironment", world.compute_environment_id),
        "condaEnvironment": "dependencies: []",
        "lifespanHours": 8,
    }
    result = await clone(api, world, studio_id, **locked)
    assert problems(result) == [(name, "LOCKED") for name in locked]
    taken = await clone(api, world, studio_id, "SOURCE")
    assert (taken["__typename"], taken["field"]) == ("ConflictError", ["name"])
    assert problems(await clone(api, world, studio_id, " ")) == [("name", "LENGTH")]


@pytest.mark.behaviour("B43")
async def test_a_preview_shows_what_would_be_created_and_creates_nothing(api: Api, world: World, database: Database) -> None:
    environment = [{"key": "A", "value": "1", "secret": False}, {"key": "B", "value": "sealed", "secret": True}]
    studio_id = await source(database, world, environment=environment)
    made_from = {"studioId": gid("Studio", studio_id)}
    answer = await api.run(world.viewer, PREVIEW, input={"from": made_from, "name": " Clone ", "memoryMiB": 512})
    preview = answer["data"]["previewClone"]
    assert preview["refusals"] == []
    assert preview["lockedFields"] == ["templateId", "computeEnvironmentId", "condaEnvironment", "lifespanHours"]
    created = preview["wouldCreate"]
    assert (created["name"], created["description"], created["cpu"], created["memoryMiB"]) == ("Clone", "Reads", 1.5, 512)
    assert created["checkpoint"] == {"name": "second"}
    assert created["environment"] == [{"key": "A", "value": "1", "secret": False}, {"key": "B", "value": None, "secret": True}]
    refused = await api.run(world.viewer, PREVIEW, input={"from": made_from, "name": "Source", "lifespanHours": 1})
    assert refused["data"]["previewClone"]["wouldCreate"] is None
    assert [error["__typename"] for error in refused["data"]["previewClone"]["refusals"]] == ["InvalidInputError"]
    async with database.read() as reader:
        assert len((await reader.execute(core.studio.select())).all()) == 1


@pytest.mark.parametrize("text", ["\0", "\ud800", "a" * 201])
async def test_a_search_for_what_no_name_contains_is_a_typed_error(api: Api, world: World, database: Database, text: str) -> None:
    studio_id = await source(database, world)
    answer = await api.run(world.viewer, CHECKPOINTS, id=gid("Studio", studio_id), search=text)
    assert answer["errors"][0]["extensions"] == {"code": "OUT_OF_RANGE", "argument": "search"}


@pytest.mark.behaviour("B43", "B92")
async def test_a_preview_tells_a_stranger_nothing(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world)
    stranger, _ = await factories.create_token(database, await factories.create_user(database, "stranger"), set(TokenScope))
    answers = []
    for id_ in (studio_id, new_id()):
        made_from = {"studioId": gid("Studio", id_)}
        answers.append(await api.run(stranger, PREVIEW, input={"from": made_from, "name": "Clone"}))
    assert answers[0] == answers[1]
    assert answers[0]["data"]["previewClone"]["refusals"][0]["__typename"] == "NotFoundError"
    launcher, _ = await factories.create_viewer(database, world.workspace_id, Role.LAUNCH)
    answer = await api.run(launcher, PREVIEW, input={"from": {"studioId": gid("Studio", studio_id)}, "name": "Clone"})
    assert answer["data"]["previewClone"]["refusals"][0]["__typename"] == "ForbiddenError"


@pytest.mark.behaviour("B36")
async def test_lineage_goes_up_and_down_across_studios(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world)
    child = await clone(api, world, studio_id, "Child", autoStart=False)
    child_id = await id_of(database, "Child")
    await factories.create_checkpoint(database, world, child_id, "childs", parent_id=(await checkpoint_ids(database))["second"])
    grandchild = await clone(api, world, child_id, "Grandchild", autoStart=False)
    other = await clone_of(api, world, (await checkpoint_ids(database))["first"], "Other", autoStart=False)
    up = (await api.run(world.viewer, LINEAGE, id=grandchild["studio"]["id"]))["data"]["studio"]["lineage"]["ancestors"]
    assert [(item["name"], item["studio"]["name"]) for item in up] == [("childs", "Child"), ("second", "Source"), ("first", "Source")]
    down = (await api.run(world.viewer, LINEAGE, id=gid("Studio", studio_id)))["data"]["studio"]["lineage"]["derived"]
    bases = {item["studio"]["name"]: item["checkpoint"]["name"] for item in down}
    assert bases == {"Child": "second", "Grandchild": "second", "Other": "first"}
    assert len(await listed(api, world, grandchild["studio"]["id"])) == 3
    assert {child["__typename"], other["__typename"]} == {"StudioPayload"}


async def id_of(database: Database, name: str) -> str:
    async with database.read() as reader:
        return str((await reader.execute(core.studio.select().where(core.studio.c.name == name))).one().id)


@pytest.mark.behaviour("B32", "B41")
async def test_own_and_inherited_checkpoints_are_paged_and_searched_together(api: Api, world: World, database: Database) -> None:
    studio_id = await source(database, world)
    made = (await clone(api, world, studio_id, autoStart=False))["studio"]["id"]
    own_id = await id_of(database, "Clone")
    for number in (1, 2):
        await factories.create_checkpoint(database, world, own_id, f"Own 100%_{number}", number=number)
    pages: list[tuple[str, bool]] = []
    after = None
    for _ in range(4):
        answer = await api.run(world.viewer, CHECKPOINTS, id=made, first=1, after=after)
        page = answer["data"]["studio"]["checkpoints"]
        assert page["totalCount"] == 4
        pages += [(node["name"], node["inherited"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert not page["pageInfo"]["hasNextPage"]
    assert pages == [("Own 100%_2", False), ("Own 100%_1", False), ("second", True), ("first", True)]
    assert await listed(api, world, made, search="100%_2") == [("Own 100%_2", False)]
    assert await listed(api, world, made, search="SECOND") == [("second", True)]
    assert await listed(api, world, made, search="%d%") == []
