"""Studios switched off for a workspace: nothing is added or started, nothing that runs is harmed, and the answer says whom to ask (B97)."""

from typing import Any

import pytest

from services.domain.access import Role
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, Json, gid

pytestmark = pytest.mark.behaviour("B97")
ACTIONS = """query($id: ID!) { studio(id: $id) { status workspace { viewerCanCreateStudios settings { studiosEnabled } }
  availableActions { action allowed reason } } }"""
PREVIEWS = """query($clone: CloneStudioInput!, $id: ID!) {
  previewClone(input: $clone) { refusals { code message } } migrationPlan(studioId: $id) { blockers { code message } } }"""
TOLD = "Studios are switched off in this workspace. Ask an administrator to switch them on: ada, grace."


@pytest.fixture
async def grace(database: Database, world: World) -> None:
    await factories.create_viewer(database, world.workspace_id, Role.ADMIN, "grace")
    await factories.create_viewer(database, world.workspace_id, Role.MAINTAIN, "linus")


async def switch(api: Api, world: World, enabled: bool | None) -> None:
    result = await api.mutate(
        world.viewer, "updateWorkspaceSettings", workspaceId=gid("Workspace", world.workspace_id), studiosEnabled=enabled
    )
    assert result["__typename"] == "WorkspacePayload", result


async def actions(api: Api, world: World, studio: str) -> tuple[Json, dict[str, tuple[bool, str | None]]]:
    seen = (await api.run(world.viewer, ACTIONS, id=studio))["data"]["studio"]
    return seen, {each["action"]: (each["allowed"], each["reason"]) for each in seen["availableActions"]}


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize("mutation", ["createStudio", "startStudio", "cloneStudio", "migrateStudio", "retryBuild"])
async def test_nothing_is_added_or_started_and_the_answer_names_the_administrators(
    api: Api, world: World, database: Database, mutation: str
) -> None:
    status = "BUILD_FAILED" if mutation == "retryBuild" else "STOPPED"
    studio_id = await factories.create_studio(database, world, status=status)
    await factories.create_checkpoint(database, world, studio_id)
    studio = gid("Studio", studio_id)
    inputs: dict[str, dict[str, Any]] = {
        "createStudio": {
            "workspaceId": gid("Workspace", world.workspace_id),
            "templateId": gid("Template", world.template_id),
            "name": "New",
            "autoStart": False,
        },
        "cloneStudio": {"from": {"studioId": studio}, "name": "Clone", "autoStart": False},
    }
    await switch(api, world, enabled=False)
    result = await api.mutate(world.viewer, mutation, **inputs.get(mutation, {"studioId": studio}))
    assert (result["__typename"], result["code"], result["message"]) == ("ForbiddenError", "STUDIOS_SWITCHED_OFF", TOLD)
    if mutation != "migrateStudio":
        await switch(api, world, enabled=True)
        assert (await api.mutate(world.viewer, mutation, **inputs.get(mutation, {"studioId": studio})))["__typename"] == "StudioPayload"


@pytest.mark.usefixtures("grace")
async def test_previews_say_it_too(api: Api, world: World, database: Database) -> None:
    studio_id = await factories.create_studio(database, world)
    await factories.create_checkpoint(database, world, studio_id)
    await switch(api, world, enabled=False)
    studio = gid("Studio", studio_id)
    seen = (await api.run(world.viewer, PREVIEWS, clone={"from": {"studioId": studio}, "name": "Clone"}, id=studio))["data"]
    assert {"code": "STUDIOS_SWITCHED_OFF", "message": TOLD} in seen["previewClone"]["refusals"]
    assert {"code": "STUDIOS_SWITCHED_OFF", "message": TOLD} in seen["migrationPlan"]["blockers"]


async def test_what_runs_can_be_used_saved_and_stopped_and_what_ended_edited_and_deleted(
    api: Api, world: World, database: Database
) -> None:
    running = gid("Studio", await factories.create_studio(database, world, "Running", status="RUNNING", session_number=1))
    ended = gid("Studio", await factories.create_studio(database, world, "Ended"))
    await switch(api, world, enabled=False)
    seen, allowed = await actions(api, world, running)
    assert seen["workspace"] == {"viewerCanCreateStudios": False, "settings": {"studiosEnabled": False}}
    assert {action for action, (is_allowed, _) in allowed.items() if is_allowed} == {"CONNECT", "COPY_URL", "STOP", "CHECKPOINT_NOW"}
    _, allowed = await actions(api, world, ended)
    assert {action for action, (is_allowed, _) in allowed.items() if is_allowed} == {"EDIT", "DELETE"}
    assert allowed["START"] == (False, "Studios are switched off in this workspace. Ask one of its administrators to switch them on.")


@pytest.mark.parametrize("enabled", [True, None])
async def test_they_are_switched_on_again(api: Api, world: World, database: Database, enabled: bool | None) -> None:
    studio = gid("Studio", await factories.create_studio(database, world))
    await switch(api, world, enabled=False)
    await switch(api, world, enabled=enabled)
    seen, allowed = await actions(api, world, studio)
    assert seen["workspace"] == {"viewerCanCreateStudios": True, "settings": {"studiosEnabled": True}}
    assert allowed["START"] == (True, None)


async def test_other_workspaces_go_on(api: Api, world: World, database: Database) -> None:
    other = await factories.create_neighbour(database, world, "elsewhere")
    await switch(api, world, enabled=False)
    studio = gid("Studio", await factories.create_studio(database, other))
    assert (await api.mutate(other.viewer, "startStudio", studioId=studio))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B92")
async def test_strangers_learn_nothing_of_it(api: Api, world: World, database: Database) -> None:
    other = await factories.create_neighbour(database, world, "elsewhere")
    studio = gid("Studio", await factories.create_studio(database, world))
    await switch(api, world, enabled=False)
    assert (await api.mutate(other.viewer, "startStudio", studioId=studio))["__typename"] == "NotFoundError"
