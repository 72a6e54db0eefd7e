"""Labels of Studios, as clients give and read them (B86)."""

from typing import Any

import pytest

from services.domain.access import Role
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems

LABELS = """query($id: ID!) { studio(id: $id) { revision labels { key value }
  events(first: 10) { nodes { __typename actor { name } ... on StudioEditedEvent { revision fields } } } } }"""
pytestmark = pytest.mark.behaviour("B86")


async def read(api: Api, world: World, studio: str) -> dict[str, Any]:
    answer = await api.run(world.viewer, LABELS, id=studio)
    result: dict[str, Any] = answer["data"]["studio"]
    return result


def pairs(**values: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


async def set_labels(api: Api, world: World, studio: str, labels: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    return await api.mutate(world.viewer, "setLabels", studioId=studio, labels=labels, **more)


@pytest.mark.parametrize("status", ["STOPPED", "RUNNING", "BUILDING"])
async def test_a_studio_has_the_labels_that_were_set_last(api: Api, world: World, database: Database, status: str) -> None:
    studio = gid("Studio", await factories.create_studio(database, world, status=status))
    await set_labels(api, world, studio, pairs(project="lung", genome="GRCh38"))
    assert (await read(api, world, studio))["labels"] == pairs(genome="GRCh38", project="lung")
    await set_labels(api, world, studio, pairs(project="heart"))
    seen = await read(api, world, studio)
    assert (seen["labels"], seen["revision"]) == (pairs(project="heart"), 3)
    edits = [event for event in seen["events"]["nodes"] if event["__typename"] == "StudioEditedEvent"]
    assert [(edit["revision"], edit["fields"], edit["actor"]["name"]) for edit in edits] == [(3, ["labels"], "ada"), (2, ["labels"], "ada")]
    await set_labels(api, world, studio, [])
    assert (await read(api, world, studio))["labels"] == []


async def test_the_same_labels_in_another_order_change_nothing(api: Api, world: World, database: Database) -> None:
    studio = gid("Studio", await factories.create_studio(database, world))
    await set_labels(api, world, studio, pairs(project="lung", genome="GRCh38"))
    result = await set_labels(api, world, studio, pairs(genome="GRCh38", project="lung"))
    assert result["studio"]["revision"] == 2


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pairs(k="lung"), [("labels.0.key", "CHARACTERS")]),
        (pairs(project="x"), [("labels.0.value", "CHARACTERS")]),
        (pairs(**{"p" * 40: "lung"}), [("labels.0.key", "CHARACTERS")]),
        (pairs(project="v" * 40), [("labels.0.value", "CHARACTERS")]),
        (pairs(project="two words"), [("labels.0.value", "CHARACTERS")]),
        (pairs(project="-lung"), [("labels.0.value", "CHARACTERS")]),
        (pairs(project="lung_"), [("labels.0.value", "CHARACTERS")]),
        (pairs(project="lu--ng"), [("labels.0.value", "CHARACTERS")]),
        (pairs(project="lung\n"), [("labels.0.value", "CHARACTERS")]),
        (pairs(project="läng"), [("labels.0.value", "CHARACTERS")]),
        ([*pairs(project="lung"), *pairs(project="heart")], [("labels", "DUPLICATE")]),
        ([{"key": f"key{n}", "value": "value"} for n in range(26)], [("labels", "LENGTH")]),
    ],
)
async def test_what_is_no_label_is_refused_at_its_field(
    api: Api, world: World, database: Database, labels: list[dict[str, str]], expected: list[tuple[str, str]]
) -> None:
    studio = gid("Studio", await factories.create_studio(database, world))
    assert problems(await set_labels(api, world, studio, labels)) == expected


async def test_the_longest_and_the_most_labels_fit(api: Api, world: World, database: Database) -> None:
    studio = gid("Studio", await factories.create_studio(database, world))
    labels = [{"key": f"{number:02}" + "k" * 37, "value": "a-b_" * 9 + "abc"} for number in range(25)]
    assert (await set_labels(api, world, studio, labels))["__typename"] == "StudioPayload"
    assert (await read(api, world, studio))["labels"] == labels


async def test_labels_can_be_given_at_once_and_go_with_a_clone_and_with_the_studio(api: Api, world: World, database: Database) -> None:
    new = {"workspaceId": gid("Workspace", world.workspace_id), "name": "Analysis", "templateId": gid("Template", world.template_id)}
    created = await api.mutate(world.viewer, "createStudio", **new, autoStart=False, labels=pairs(project="lung"))
    studio = created["studio"]["id"]
    assert (await read(api, world, studio))["labels"] == pairs(project="lung")
    refused = await api.mutate(world.viewer, "createStudio", **new | {"name": "Other"}, labels=pairs(project="no good"))
    assert problems(refused) == [("labels.0.value", "CHARACTERS")]

    source = await factories.create_studio(database, world, "Source")
    await factories.create_checkpoint(database, world, source, "saved")
    await set_labels(api, world, gid("Studio", source), pairs(genome="GRCh38"))
    clone = await api.mutate(world.viewer, "cloneStudio", **{"from": {"studioId": gid("Studio", source)}}, name="Clone", autoStart=False)
    assert (await read(api, world, clone["studio"]["id"]))["labels"] == pairs(genome="GRCh38")
    for each in (studio, clone["studio"]["id"]):
        await api.mutate(world.viewer, "deleteStudio", studioId=each)
    async with database.read() as reader:
        left = (await reader.execute(core.studio_label.select())).all()
    assert [row.studio_id for row in left] == [source]


@pytest.mark.behaviour("B95")
async def test_a_stale_revision_changes_nothing(api: Api, world: World, database: Database) -> None:
    studio = gid("Studio", await factories.create_studio(database, world))
    await set_labels(api, world, studio, pairs(project="lung"))
    result = await set_labels(api, world, studio, pairs(project="heart"), expectedRevision=1)
    assert (result["__typename"], result["currentRevision"]) == ("StaleRevisionError", 2)
    assert (await read(api, world, studio))["labels"] == pairs(project="lung")


@pytest.mark.behaviour("B91")
@pytest.mark.parametrize(("role", "outcome"), [(Role.LAUNCH, "ForbiddenError"), (Role.MAINTAIN, "StudioPayload")])
async def test_who_may_edit_a_studio_may_label_it(api: Api, world: World, database: Database, role: Role, outcome: str) -> None:
    studio = gid("Studio", await factories.create_studio(database, world))
    colleague, _ = await factories.create_viewer(database, world.workspace_id, role)
    result = await api.mutate(colleague, "setLabels", studioId=studio, labels=pairs(project="lung"))
    assert result["__typename"] == outcome
