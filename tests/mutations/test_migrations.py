"""Migrations to newer templates, as clients call them: plans, what is refused, and what is added."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from services.domain.access import Role
from services.domain.ids import new_id
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems

PLAN = """query($id: ID!, $checkpoint: ID, $template: ID, $experimental: Boolean! = false) {
  migrationPlan(studioId: $id, checkpointId: $checkpoint, templateId: $template, acceptExperimental: $experimental) { canMigrate newName
    studio { name } fromTemplate { name } toTemplate { name } checkpoint { name } differences { kind before after }
    blockers { __typename code message field } } }"""
ATTEMPTS = """query($id: ID!) { studio(id: $id) { migrationAttempts { id state studioName originalName endedAt original { name }
  studio { name template { name } } checkpoint { name } fromTemplate { name } toTemplate { name } actor { name }
  issues { kind subject message commands } } } }"""


@dataclass(frozen=True, slots=True)
class OriginalStudio:
    """A stopped Studio of an older release, with two checkpoints, in a workspace that has newer releases."""

    id: str
    templates: dict[str, str]
    checkpoints: list[str]


async def original(database: Database, world: World, current: str = "6.1", **values: Any) -> OriginalStudio:
    templates = {}
    for version, more in {"6.0": {}, "6.1": {}, "6.2": {}, "6.3": {}, "7.0": {"experimental": True}}.items():
        image = f"example/xpra:{version}"
        templates[version] = await factories.create_template(
            database, world.workspace_id, f"Xpra {version}", tool="XPRA", tool_version=version, image=image, **more
        )
    studio_id = await factories.create_studio(
        database, world, "Desk", template_id=templates[current], cpu=1.5, description="Windows", **values
    )
    saved = [
        await factories.create_checkpoint(database, world, studio_id, f"desk_{number}", number=number, template_id=templates[current])
        for number in (1, 2)
    ]
    return OriginalStudio(studio_id, templates, saved)


async def plan(api: Api, world: World, studio_id: str, **values: Any) -> dict[str, Any]:
    answer = await api.run(world.viewer, PLAN, id=gid("Studio", studio_id), **values)
    result: dict[str, Any] = answer["data"]["migrationPlan"]
    return result


async def migrate(api: Api, world: World, studio_id: str, **values: Any) -> dict[str, Any]:
    return await api.mutate(world.viewer, "migrateStudio", studioId=gid("Studio", studio_id), **values)


async def attempts(api: Api, world: World, studio: str) -> list[dict[str, Any]]:
    answer = await api.run(world.viewer, ATTEMPTS, id=studio)
    result: list[dict[str, Any]] = answer["data"]["studio"]["migrationAttempts"]
    return result


async def rows(database: Database, table: Any, **values: Any) -> list[dict[str, Any]]:
    statement = table.select().where(*(table.c[name] == value for name, value in values.items()))
    async with database.read() as reader:
        return [dict(row) for row in (await reader.execute(statement)).mappings()]


@pytest.mark.behaviour("B73")
async def test_a_plan_names_the_newest_recommended_template_and_what_differs(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    shown = await plan(api, world, source.id)
    assert (shown["canMigrate"], shown["blockers"], shown["newName"]) == (True, [], "Desk (6.3)")
    assert (shown["studio"], shown["checkpoint"]) == ({"name": "Desk"}, {"name": "desk_2"})
    assert (shown["fromTemplate"]["name"], shown["toTemplate"]["name"]) == ("Xpra 6.1", "Xpra 6.3")
    assert shown["differences"] == [
        {"kind": "TOOL_VERSION", "before": "6.1", "after": "6.3"},
        {"kind": "IMAGE", "before": "example/xpra:6.1", "after": "example/xpra:6.3"},
    ]
    assert await rows(database, core.migration_attempt) == []


@pytest.mark.behaviour("B73")
async def test_a_plan_shows_a_chosen_checkpoint_and_template(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    chosen = {"checkpoint": gid("Checkpoint", source.checkpoints[0]), "template": gid("Template", source.templates["6.2"])}
    shown = await plan(api, world, source.id, **chosen)
    assert (shown["checkpoint"]["name"], shown["toTemplate"]["name"], shown["canMigrate"]) == ("desk_1", "Xpra 6.2", True)


@pytest.mark.behaviour("B73", "B74")
@pytest.mark.parametrize(
    ("version", "code"),
    [("6.0", "NOT_NEWER"), ("6.1", "NOT_NEWER"), ("7.0", "EXPERIMENTAL"), ("other", "OTHER_TOOL"), ("old", "UNSUPPORTED")],
)
async def test_a_template_that_is_no_newer_release_is_refused_by_name(
    api: Api, world: World, database: Database, version: str, code: str
) -> None:
    source = await original(database, world)
    jupyter = await factories.create_template(database, world.workspace_id, "JupyterLab", tool="JUPYTERLAB", connect_version="0.3.0")
    old = await factories.create_template(database, world.workspace_id, "Xpra 8", tool="XPRA", tool_version="8", connect_version="0.0.1")
    template = gid("Template", {**source.templates, "other": jupyter, "old": old}[version])
    assert problems(await migrate(api, world, source.id, templateId=template)) == [("templateId", code)]
    shown = await plan(api, world, source.id, template=template)
    assert [(error["__typename"], error["field"]) for error in shown["blockers"]] == [("InvalidInputError", ["templateId"])]
    assert (shown["canMigrate"], shown["toTemplate"], shown["differences"]) == (False, None, [])


@pytest.mark.behaviour("B73", "B74", "B76")
async def test_conda_packages_cannot_go_to_a_template_that_is_not_built_here(api: Api, world: World, database: Database) -> None:
    source = await original(database, world, conda_environment="dependencies: [numpy]")
    assert problems(await migrate(api, world, source.id)) == [("templateId", "CONDA_PACKAGES")]
    shown = await plan(api, world, source.id)
    assert shown["canMigrate"] is False
    assert "Choose a template that has a recipe" in shown["blockers"][0]["message"]


@pytest.mark.behaviour("B73", "B74")
async def test_without_a_newer_release_there_is_nothing_to_migrate_to(api: Api, world: World, database: Database) -> None:
    newest = (await original(database, world, "6.3")).id
    custom = await factories.create_studio(database, world, "Own")
    await factories.create_checkpoint(database, world, custom)
    for studio_id in (newest, custom):
        result = await migrate(api, world, studio_id)
        assert (result["__typename"], result["code"]) == ("ConflictError", "NO_NEWER_TEMPLATE")
        assert [error["code"] for error in (await plan(api, world, studio_id))["blockers"]] == ["NO_NEWER_TEMPLATE"]


@pytest.mark.behaviour("B73")
async def test_a_plan_lists_all_that_blocks_at_once(api: Api, world: World, database: Database) -> None:
    newest = (await original(database, world, "6.3")).id
    async with database.write() as transaction:
        await transaction.execute(core.checkpoint.delete())
    blockers = (await plan(api, world, newest))["blockers"]
    assert [error["code"] for error in blockers] == ["NOT_ALLOWED_NOW", "NO_NEWER_TEMPLATE"]


@pytest.mark.behaviour("B74")
async def test_a_migration_adds_a_studio_on_the_newest_template_and_starts_it(api: Api, world: World, database: Database) -> None:
    environment = [{"key": "A", "value": "1", "secret": False}]
    source = await original(database, world, environment=environment)
    before = await rows(database, core.studio, id=source.id)
    result = await migrate(api, world, source.id)
    assert (result["studio"]["name"], result["studio"]["status"], result["operation"]["kind"]) == ("Desk (6.3)", "STARTING", "START")
    assert (result["studio"]["configuration"]["cpu"], result["studio"]["description"]) == (1.5, "Windows")
    assert await rows(database, core.studio, id=source.id) == before
    [made] = await rows(database, core.studio, name="Desk (6.3)")
    assert (made["template_id"], made["environment"]) == (source.templates["6.3"], environment)
    begun = {row["session_number"]: row for row in await rows(database, core.checkpoint, studio_id=made["id"])}
    assert (begun[0]["status"], begun[0]["parent_id"], begun[0]["template_id"]) == ("EMPTY", source.checkpoints[1], source.templates["6.3"])
    assert begun[1]["parent_id"] == begun[0]["id"]
    [session] = await rows(database, core.session, studio_id=made["id"])
    assert session["base_checkpoint_id"] == begun[0]["id"]


@pytest.mark.behaviour("B75")
async def test_both_studios_show_the_attempt(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    made = (await migrate(api, world, source.id, name="New desk"))["studio"]["id"]
    [attempt] = await attempts(api, world, made)
    assert await attempts(api, world, gid("Studio", source.id)) == [attempt]
    assert attempt["studio"] == {"name": "New desk", "template": {"name": "Xpra 6.3"}}
    assert (attempt["state"], attempt["original"], attempt["checkpoint"]) == ("MIGRATING", {"name": "Desk"}, {"name": "desk_2"})
    assert (attempt["fromTemplate"]["name"], attempt["toTemplate"]["name"]) == ("Xpra 6.1", "Xpra 6.3")
    assert (attempt["actor"]["name"], attempt["endedAt"], attempt["issues"]) == (world.viewer.user_name, None, [])


@pytest.mark.behaviour("B74")
async def test_an_experimental_template_is_used_if_that_is_accepted(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    template = gid("Template", source.templates["7.0"])
    assert (await plan(api, world, source.id, template=template, experimental=True))["canMigrate"]
    assert (await migrate(api, world, source.id, templateId=template, acceptExperimental=True))["studio"]["name"] == "Desk (7.0)"


@pytest.mark.behaviour("B74")
async def test_the_default_name_is_free_and_does_not_grow_with_each_release(api: Api, world: World, database: Database) -> None:
    source = await original(database, world, "6.2")
    async with database.write() as transaction:
        await transaction.execute(core.studio.update().values(name="Desk (6.2)", name_key="desk (6.2)"))
    await factories.create_studio(database, world, "Desk (6.3)")
    assert (await migrate(api, world, source.id))["studio"]["name"] == "Desk (6.3) 2"
    async with database.write() as transaction:
        await transaction.execute(core.studio.update().where(core.studio.c.id == source.id).values(name="Desk (6.2) 2"))
    assert (await plan(api, world, source.id))["newName"] == "Desk (6.3) 3"


@pytest.mark.behaviour("B74", "B95")
async def test_two_calls_at_a_time_make_one_studio(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    results = await asyncio.gather(*(migrate(api, world, source.id) for _ in range(2)))
    assert sorted(result["__typename"] for result in results) == ["ConflictError", "StudioPayload"]
    assert [result["code"] for result in results if "code" in result] == ["MIGRATION_IN_PROGRESS"]
    [blocker] = (await plan(api, world, source.id))["blockers"]
    assert blocker["code"] == "MIGRATION_IN_PROGRESS"


@pytest.mark.behaviour("B95")
async def test_a_repeated_call_with_a_key_returns_the_same_studio(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    first, second = [await migrate(api, world, source.id, idempotencyKey="once") for _ in range(2)]
    assert first == second
    assert len(await rows(database, core.migration_attempt)) == 1


@pytest.mark.behaviour("B74")
async def test_a_checkpoint_of_another_studio_is_not_there(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    stray = await factories.create_checkpoint(database, world, await factories.create_studio(database, world))
    result = await migrate(api, world, source.id, checkpointId=gid("Checkpoint", stray))
    assert (result["__typename"], result["field"]) == ("NotFoundError", ["checkpointId"])


@pytest.mark.behaviour("B35", "B74")
async def test_the_source_of_a_migration_is_needed_until_its_files_are_over_the_template(
    api: Api, world: World, database: Database
) -> None:
    source = await original(database, world)
    older = gid("Checkpoint", source.checkpoints[0])
    await migrate(api, world, source.id, checkpointId=older)
    refused = await api.mutate(world.viewer, "deleteCheckpoint", checkpointId=older)
    assert (refused["__typename"], refused["neededBy"][0]["studio"]) == ("CheckpointNeededError", {"name": "Desk (6.3)"})


@pytest.mark.behaviour("B75")
async def test_a_discarded_migration_is_gone_but_its_attempt_stays_with_its_issues(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    made = await factories.create_studio(database, world, "Failed", status="ERRORED", session_number=1)
    issue = {"kind": "PACKAGE_BROKEN", "subject": "numpy", "message": "It cannot be loaded.", "commands": ["pip install numpy"]}
    await factories.create_migration_attempt(database, world, source.id, made, state="WITH_ISSUES", issues=[issue])
    result = await api.mutate(world.viewer, "discardMigration", studioId=gid("Studio", made))
    assert result == {"__typename": "DeleteStudioPayload", "deletedStudioId": gid("Studio", made)}
    [attempt] = await attempts(api, world, gid("Studio", source.id))
    assert (attempt["state"], attempt["studio"], attempt["issues"]) == ("DISCARDED", None, [issue])
    assert (await api.run(world.viewer, ATTEMPTS, id=gid("Studio", made)))["data"]["studio"] is None


@pytest.mark.behaviour("B75")
async def test_a_migration_whose_first_session_goes_on_is_discarded_in_one_call(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    made = (await migrate(api, world, source.id))["studio"]["id"]
    result = await api.mutate(world.viewer, "discardMigration", studioId=made)
    assert result["__typename"] == "DeleteStudioPayload"
    assert len(await rows(database, core.session_cleanup)) == 1
    assert (await migrate(api, world, source.id))["__typename"] == "StudioPayload"
    assert [attempt["state"] for attempt in await attempts(api, world, gid("Studio", source.id))] == ["MIGRATING", "DISCARDED"]


@pytest.mark.behaviour("B75")
async def test_what_somebody_works_in_is_not_discarded(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    made = await factories.create_studio(database, world, "Used", status="RUNNING", session_number=2)
    await factories.create_migration_attempt(database, world, source.id, made, state="SUCCEEDED")
    result = await api.mutate(world.viewer, "discardMigration", studioId=gid("Studio", made))
    assert (result["__typename"], result["status"]) == ("NotAllowedNowError", "RUNNING")
    result = await api.mutate(world.viewer, "discardMigration", studioId=gid("Studio", source.id))
    assert (result["__typename"], result["code"]) == ("ConflictError", "NOT_A_MIGRATION")


@pytest.mark.behaviour("B75")
async def test_an_attempt_goes_once_both_studios_are_deleted(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    made = await factories.create_studio(database, world, "Migrated")
    await factories.create_migration_attempt(database, world, source.id, made, state="SUCCEEDED")
    await api.mutate(world.viewer, "deleteStudio", studioId=gid("Studio", source.id))
    [attempt] = await attempts(api, world, gid("Studio", made))
    assert (attempt["original"], attempt["originalName"]) == (None, "Original")
    await api.mutate(world.viewer, "deleteStudio", studioId=gid("Studio", made))
    assert await rows(database, core.migration_attempt) == []


@pytest.mark.behaviour("B75")
async def test_a_migration_without_a_result_is_discarded_when_its_studio_is_deleted(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    made = await factories.create_studio(database, world, "Migrated")
    await factories.create_migration_attempt(database, world, source.id, made, state="MIGRATING")
    await api.mutate(world.viewer, "deleteStudio", studioId=gid("Studio", made))
    assert [attempt["state"] for attempt in await attempts(api, world, gid("Studio", source.id))] == ["DISCARDED"]


@pytest.mark.behaviour("B73", "B91", "B92")
async def test_who_may_not_migrate_sees_why_and_a_stranger_sees_nothing(api: Api, world: World, database: Database) -> None:
    source = await original(database, world)
    launcher, _ = await factories.create_viewer(database, world.workspace_id, Role.LAUNCH)
    answer = await api.run(launcher, PLAN, id=gid("Studio", source.id))
    shown = answer["data"]["migrationPlan"]
    assert (shown["toTemplate"]["name"], [error["__typename"] for error in shown["blockers"]]) == ("Xpra 6.3", ["ForbiddenError"])
    stranger, _ = await factories.create_token(database, await factories.create_user(database, "stranger"))
    answers = [await api.run(stranger, PLAN, id=gid("Studio", id_)) for id_ in (source.id, new_id())]
    assert answers[0] == answers[1] == {"data": {"migrationPlan": None}}
