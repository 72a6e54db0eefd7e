"""For each mutation on something in a workspace: prepares the rows that it needs, and returns an input that succeeds for an owner."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.domain.access import Role
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import gid

Prepare = Callable[[Database, World], Awaitable[dict[str, Any]]]
NOWHERE = "0" * 32
IDS = {"workspaceId": "Workspace", "studioId": "Studio", "checkpointId": "Checkpoint", "templateId": "Template"}
"""The input fields that name what a mutation acts on, with the types of their ids."""


async def a_new_studio(_database: Database, world: World) -> dict[str, Any]:
    return {
        "workspaceId": gid("Workspace", world.workspace_id),
        "name": "Analysis",
        "templateId": gid("Template", world.template_id),
        "autoStart": False,
    }


async def a_studio(database: Database, world: World) -> dict[str, Any]:
    return {"studioId": gid("Studio", await factories.create_studio(database, world))}


async def a_studio_to_label(database: Database, world: World) -> dict[str, Any]:
    return {**await a_studio(database, world), "labels": [{"key": "genome", "value": "GRCh38"}]}


async def a_running_studio(database: Database, world: World) -> dict[str, Any]:
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    await factories.create_session(database, world, studio_id, upstream={"unix": "/run/tool.sock"})
    return {"studioId": gid("Studio", studio_id)}


async def a_studio_whose_build_failed(database: Database, world: World) -> dict[str, Any]:
    studio_id = await factories.create_studio(database, world, status="BUILD_FAILED", session_number=1)
    await factories.create_session(database, world, studio_id, saved=True)
    return {"studioId": gid("Studio", studio_id)}


async def a_studio_whose_start_does_not_end(database: Database, world: World) -> dict[str, Any]:
    studio_id = await factories.create_studio(database, world, status="STARTING", session_number=1)
    await factories.create_session(database, world, studio_id)
    return {"studioId": gid("Studio", studio_id)}


async def a_checkpoint(database: Database, world: World) -> dict[str, Any]:
    studio_id = await factories.create_studio(database, world)
    return {"checkpointId": gid("Checkpoint", await factories.create_checkpoint(database, world, studio_id)), "name": "new"}


async def an_older_checkpoint(database: Database, world: World) -> dict[str, Any]:
    studio_id = await factories.create_studio(database, world)
    older = await factories.create_checkpoint(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id, number=2)
    return {"checkpointId": gid("Checkpoint", older)}


async def a_source(database: Database, world: World) -> dict[str, Any]:
    studio_id = await factories.create_studio(database, world, "Source")
    await factories.create_checkpoint(database, world, studio_id)
    return {"from": {"studioId": gid("Studio", studio_id)}, "name": "Clone"}


async def a_migration(database: Database, world: World) -> dict[str, Any]:
    old = await factories.create_template(database, world.workspace_id, "Xpra 6.1", tool="XPRA", tool_version="6.1")
    await factories.create_template(database, world.workspace_id, "Xpra 6.2", tool="XPRA", tool_version="6.2")
    studio_id = await factories.create_studio(database, world, "Original", template_id=old)
    await factories.create_checkpoint(database, world, studio_id, template_id=old)
    return {"studioId": gid("Studio", studio_id)}


async def a_failed_migration(database: Database, world: World) -> dict[str, Any]:
    original = await factories.create_studio(database, world, "Original")
    studio_id = await factories.create_studio(database, world, "Original (6.2)", status="ERRORED", session_number=1)
    await factories.create_migration_attempt(database, world, original, studio_id, state="FAILED")
    return {"studioId": gid("Studio", studio_id)}


async def a_new_template(_database: Database, world: World) -> dict[str, Any]:
    workspace_id = gid("Workspace", world.workspace_id)
    return {"workspaceId": workspace_id, "name": "Marimo", "image": "example/marimo:0.14", "tool": "CUSTOM", "toolVersion": "0.14"}


async def a_template_to_edit(_database: Database, world: World) -> dict[str, Any]:
    return {"templateId": gid("Template", world.template_id), "port": 2718}


async def a_template_of_a_recipe(database: Database, world: World) -> dict[str, Any]:
    await factories.create_template(database, world.workspace_id, "JupyterLab", tool="JUPYTERLAB", tool_version="4.5.0", recipe="jupyter")
    return {"workspaceId": gid("Workspace", world.workspace_id)}


async def a_user(database: Database, world: World) -> dict[str, Any]:
    await factories.allow_many_users(database)
    await factories.create_user(database, "grace")
    return {"workspaceId": gid("Workspace", world.workspace_id), "userName": "grace", "role": "VIEW"}


async def a_member(database: Database, world: World) -> dict[str, Any]:
    user_id = await factories.create_member(database, world.workspace_id, Role.LAUNCH)
    return {"workspaceId": gid("Workspace", world.workspace_id), "userId": gid("User", user_id)}


async def a_member_with_another_role(database: Database, world: World) -> dict[str, Any]:
    return {**await a_member(database, world), "role": "VIEW"}


async def a_workspace(_database: Database, world: World) -> dict[str, Any]:
    return {"workspaceId": gid("Workspace", world.workspace_id), "lifespanHours": 4}


async def a_studio_to_edit(database: Database, world: World) -> dict[str, Any]:
    return {**await a_studio(database, world), "name": "new"}


INPUTS: dict[str, Prepare] = {
    "createStudio": a_new_studio,
    "cloneStudio": a_source,
    "migrateStudio": a_migration,
    "discardMigration": a_failed_migration,
    "startStudio": a_studio,
    "stopStudio": a_running_studio,
    "updateStudio": a_studio_to_edit,
    "deleteStudio": a_studio,
    "forceStopStudio": a_studio_whose_start_does_not_end,
    "retryBuild": a_studio_whose_build_failed,
    "connectStudio": a_running_studio,
    "setLabels": a_studio_to_label,
    "starStudio": a_studio,
    "unstarStudio": a_studio,
    "renameCheckpoint": a_checkpoint,
    "checkpointNow": a_running_studio,
    "deleteCheckpoint": an_older_checkpoint,
    "createTemplate": a_new_template,
    "updateTemplate": a_template_to_edit,
    "refreshTemplates": a_template_of_a_recipe,
    "addMember": a_user,
    "updateMember": a_member_with_another_role,
    "removeMember": a_member,
    "updateWorkspaceSettings": a_workspace,
}

each = pytest.mark.parametrize("mutation", INPUTS)


def id_path_of(arguments: dict[str, Any]) -> list[str]:
    """Returns the path of the field that names what the mutation acts on."""
    if "from" in arguments:
        return ["from", *id_path_of(arguments["from"])]
    return [next(name for name in arguments if name in IDS)]


def with_id(arguments: dict[str, Any], text: str) -> dict[str, Any]:
    """Returns the arguments with `text` as the id of what the mutation acts on."""
    first, *below = id_path_of(arguments)
    return {**arguments, first: with_id(arguments[first], text) if below else text}


def without_row(arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments with the id of something that does not exist."""
    return with_id(arguments, gid(IDS[id_path_of(arguments)[-1]], NOWHERE))
