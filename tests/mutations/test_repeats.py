"""Idempotency keys and expected revisions (B95)."""

import asyncio
from typing import Any

import pytest

from services.domain.access import Role
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems


@pytest.fixture
def new(world: World) -> dict[str, Any]:
    """A new Studio under a key."""
    return {
        "workspaceId": gid("Workspace", world.workspace_id),
        "name": "Analysis",
        "templateId": gid("Template", world.template_id),
        "autoStart": False,
        "idempotencyKey": "first",
    }


@pytest.mark.behaviour("B95")
async def test_a_replay_answers_the_first_result_as_it_is_now(api: Api, world: World, new: dict[str, Any]) -> None:
    first = await api.mutate(world.viewer, "createStudio", **new)
    await api.mutate(world.viewer, "updateStudio", studioId=first["studio"]["id"], name="Renamed")
    again = await api.mutate(world.viewer, "createStudio", **new)
    assert (again["studio"]["id"], again["studio"]["name"]) == (first["studio"]["id"], "Renamed")


@pytest.mark.behaviour("B95")
async def test_ten_calls_at_once_under_one_key_do_it_once(api: Api, world: World, new: dict[str, Any]) -> None:
    results = await asyncio.gather(*(api.mutate(world.viewer, "createStudio", **new) for _ in range(10)))
    assert {result["__typename"] for result in results} == {"StudioPayload"}
    assert len({result["studio"]["id"] for result in results}) == 1


@pytest.mark.behaviour("B95")
async def test_a_key_with_another_input_is_a_conflict(api: Api, world: World, new: dict[str, Any]) -> None:
    await api.mutate(world.viewer, "createStudio", **new)
    result = await api.mutate(world.viewer, "createStudio", **new | {"name": "Other"})
    assert (result["__typename"], result["code"], result["field"]) == ("ConflictError", "IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


@pytest.mark.behaviour("B95")
async def test_a_key_is_its_users_own(api: Api, world: World, database: Database, new: dict[str, Any]) -> None:
    await api.mutate(world.viewer, "createStudio", **new)
    other, _ = await factories.create_viewer(database, world.workspace_id, Role.OWNER)
    result = await api.mutate(other, "createStudio", **new | {"name": "Other"})
    assert result["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B95")
async def test_a_key_is_its_mutations_own(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    await api.mutate(world.viewer, "starStudio", studioId=studio_id, idempotencyKey="k")
    result = await api.mutate(world.viewer, "unstarStudio", studioId=studio_id, idempotencyKey="k")
    assert result["studio"]["isStarred"] is False


@pytest.mark.behaviour("B95")
async def test_an_error_is_not_recorded(api: Api, world: World, database: Database, new: dict[str, Any]) -> None:
    taken = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    assert (await api.mutate(world.viewer, "createStudio", **new))["__typename"] == "ConflictError"
    await api.mutate(world.viewer, "deleteStudio", studioId=taken)
    assert (await api.mutate(world.viewer, "createStudio", **new))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B95")
async def test_a_repeated_delete_answers_what_the_first_one_did(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    first = await api.mutate(world.viewer, "deleteStudio", studioId=studio_id, idempotencyKey="k")
    assert await api.mutate(world.viewer, "deleteStudio", studioId=studio_id, idempotencyKey="k") == first
    assert (await api.mutate(world.viewer, "deleteStudio", studioId=studio_id))["__typename"] == "NotFoundError"


@pytest.mark.behaviour("B95")
async def test_a_replay_about_what_is_gone_says_so(api: Api, world: World, new: dict[str, Any]) -> None:
    first = await api.mutate(world.viewer, "createStudio", **new)
    await api.mutate(world.viewer, "deleteStudio", studioId=first["studio"]["id"])
    assert (await api.mutate(world.viewer, "createStudio", **new))["__typename"] == "NotFoundError"


@pytest.mark.behaviour("B95")
@pytest.mark.parametrize("key", ["", "x" * 129, "a\0b"])
async def test_a_key_has_1_to_128_characters_that_can_be_shown(api: Api, world: World, new: dict[str, Any], key: str) -> None:
    result = await api.mutate(world.viewer, "createStudio", **new | {"idempotencyKey": key})
    assert problems(result) == [("idempotencyKey", "LENGTH")]


@pytest.mark.behaviour("B95")
@pytest.mark.parametrize(
    ("mutation", "values"),
    [("updateStudio", {"name": "Mine"}), ("startStudio", {"overrides": {"cpu": 1}, "save": True}), ("deleteStudio", {})],
)
async def test_a_stale_revision_answers_the_studio_as_it_is(
    api: Api, world: World, database: Database, mutation: str, values: dict[str, Any]
) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    await api.mutate(world.viewer, "updateStudio", studioId=studio_id, name="Theirs")
    result = await api.mutate(world.viewer, mutation, studioId=studio_id, expectedRevision=1, **values)
    assert (result["__typename"], result["code"], result["currentRevision"]) == ("StaleRevisionError", "STALE_REVISION", 2)
    assert (result["studio"]["name"], result["studio"]["revision"], result["field"]) == ("Theirs", 2, ["expectedRevision"])


@pytest.mark.behaviour("B95")
async def test_of_ten_edits_of_one_revision_one_succeeds(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    edits = [api.mutate(world.viewer, "updateStudio", studioId=studio_id, name=f"Edit {n}", expectedRevision=1) for n in range(10)]
    results = await asyncio.gather(*edits)
    assert sorted(result["__typename"] for result in results) == ["StaleRevisionError"] * 9 + ["StudioPayload"]


@pytest.mark.behaviour("B95")
async def test_a_key_used_in_two_workspaces_at_once_serves_one_of_them(api: Api, world: World, database: Database) -> None:
    elsewhere = await factories.create_workspace(database)
    await factories.create_member(database, elsewhere, Role.OWNER, user_id=world.user_id)
    await factories.allow_many_users(database)
    for user_name in ("grace", "alan"):
        await factories.create_user(database, user_name)
    results = await asyncio.gather(
        *(
            api.mutate(world.viewer, "addMember", workspaceId=gid("Workspace", home), userName=user_name, role="VIEW", idempotencyKey="k")
            for home in (world.workspace_id, elsewhere)
            for user_name in ("grace", "alan")
        )
    )
    assert sorted(result["__typename"] for result in results) == ["ConflictError"] * 3 + ["MemberPayload"]
