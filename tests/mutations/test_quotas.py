"""Quotas: what is refused, what the refusal says, and what clients see before (B18)."""

from typing import Any

import pytest
from sqlalchemy import select, update

from services.domain.access import Role
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems
from tests.mutations.quotas import SCOPES, limit, quotas, running, start, stopped

RESOURCES: dict[str, tuple[dict[str, Any], float, float, float]] = {
    "SESSIONS": ({"max_sessions": 1}, 1, 1, 1),
    "CPU": ({"max_cpu": 3.5}, 3.5, 2, 2),
    "MEMORY_MIB": ({"max_memory_mib": 10000}, 10000, 8192, 8192),
}
"""For each resource, a limit that one Studio keeps and two exceed: the columns, the limit, what one uses, what another asks for."""


@pytest.mark.behaviour("B18")
@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("scope", SCOPES)
async def test_a_start_beyond_a_limit_names_the_limit_and_what_uses_it(
    api: Api, world: World, database: Database, scope: str, resource: str
) -> None:
    columns, maximum, used, requested = RESOURCES[resource]
    await limit(database, world, scope, **columns)
    await running(database, world, "Cells")
    (studio,) = await stopped(database, world, 1)
    result = await start(api, world.viewer, studio)
    assert (result["__typename"], result["code"], result["resource"], result["scope"]) == (
        "QuotaExceededError",
        "QUOTA_EXCEEDED",
        resource,
        scope,
    )
    assert (result["limit"], result["used"], result["requested"]) == (maximum, used, requested)
    assert result["usedBy"] == [{"name": "Cells"}]
    assert (result["computeEnvironment"] is None) == (scope != "COMPUTE_ENVIRONMENT")
    for part in (f"{maximum:,}", f"{used:,}", "Cells"):
        assert part in result["message"]
    async with database.read() as reader:
        assert (await reader.execute(select(core.studio.c.status).where(core.studio.c.id == studio))).scalar_one() == "STOPPED"


@pytest.mark.behaviour("B18")
async def test_a_limit_of_gpus_counts_sessions_with_gpus_alone(api: Api, world: World, database: Database) -> None:
    await limit(database, world, "COMPUTE_ENVIRONMENT", gpu=4, max_gpu=2)
    await running(database, world, "Plain")
    await running(database, world, "Training", gpu=2)
    (studio,) = await stopped(database, world, 1)
    result = await start(api, world.viewer, studio, gpu=1)
    assert (result["resource"], result["used"], result["requested"], result["usedBy"]) == ("GPU", 2, 1, [{"name": "Training"}])
    assert (await start(api, world.viewer, studio))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B18")
async def test_limits_and_use_are_visible_before_they_are_hit(api: Api, world: World, database: Database) -> None:
    assert await quotas(api, world) == []
    await limit(database, world, "WORKSPACE", max_sessions=5, max_cpu=8.0)
    await limit(database, world, "ORGANIZATION", max_sessions=9)
    await limit(database, world, "COMPUTE_ENVIRONMENT", max_memory_mib=16384)
    neighbour = await factories.create_neighbour(database, world, "other")
    await limit(database, neighbour, "COMPUTE_ENVIRONMENT", max_sessions=1)
    await running(database, world, "Cells", cpu=0.1)
    await running(database, world, "Genes", cpu=0.2)
    await running(database, neighbour, "Hidden")
    guest, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW)
    for viewer in (world.viewer, guest):
        assert await quotas(api, world, viewer) == [
            ("WORKSPACE", "SESSIONS", 5, 2),
            ("WORKSPACE", "CPU", 8, 0.3),
            ("ORGANIZATION", "SESSIONS", 9, 3),
            ("COMPUTE_ENVIRONMENT", "MEMORY_MIB", 16384, 16384),
        ]


@pytest.mark.behaviour("B92")
async def test_studios_of_workspaces_that_are_hidden_count_and_are_not_named(api: Api, world: World, database: Database) -> None:
    await limit(database, world, "ORGANIZATION", max_sessions=2)
    neighbour = await factories.create_neighbour(database, world, "other")
    await running(database, world, "Cells")
    await running(database, neighbour, "Hidden")
    (studio,) = await stopped(database, world, 1)
    result = await start(api, world.viewer, studio)
    assert (result["scope"], result["used"], result["usedBy"]) == ("ORGANIZATION", 2, [{"name": "Cells"}])
    assert "Cells and Studios that you do not see" in result["message"]
    assert "Hidden" not in str(result)


@pytest.mark.behaviour("B18")
async def test_a_lowered_limit_ends_nothing_and_refuses_the_next_start(api: Api, world: World, database: Database) -> None:
    first, second, third = await stopped(database, world, 3)
    for studio in (first, second):
        assert (await start(api, world.viewer, studio))["__typename"] == "StudioPayload"
    await limit(database, world, "WORKSPACE", max_sessions=1, max_cpu=1.0)
    assert await quotas(api, world) == [("WORKSPACE", "SESSIONS", 1, 2), ("WORKSPACE", "CPU", 1, 4)]
    assert (await start(api, world.viewer, third))["__typename"] == "QuotaExceededError"
    repeated = await start(api, world.viewer, first)
    assert (repeated["__typename"], repeated["studio"]["status"]) == ("StudioPayload", "STARTING")


@pytest.mark.behaviour("B5")
@pytest.mark.behaviour("B18")
@pytest.mark.parametrize("status", ["BUILDING", "STARTING", "RUNNING", "STOPPING", "STOPPED", "ERRORED", "BUILD_FAILED"])
async def test_a_session_counts_until_its_studio_has_ended(api: Api, world: World, database: Database, status: str) -> None:
    await limit(database, world, "WORKSPACE", max_sessions=1)
    holder = await running(database, world, "Cells")
    has_ended = status in {"STOPPED", "ERRORED", "BUILD_FAILED"}
    async with database.write() as transaction:
        await transaction.execute(update(core.studio).where(core.studio.c.id == holder).values(status=status))
        if has_ended:  # a session whose save failed has ended, too, though its files are still to be saved
            await transaction.execute(update(core.session).values(ended_at=transaction.now, saved=False))
    assert await quotas(api, world) == [("WORKSPACE", "SESSIONS", 1, 0 if has_ended else 1)]
    (studio,) = await stopped(database, world, 1)
    assert (await start(api, world.viewer, studio))["__typename"] == ("StudioPayload" if has_ended else "QuotaExceededError")


@pytest.mark.behaviour("B18")
async def test_a_studio_that_starts_again_counts_once(api: Api, world: World, database: Database) -> None:
    await limit(database, world, "WORKSPACE", max_sessions=1)
    (studio,) = await stopped(database, world, 1)
    for _ in range(2):
        assert (await start(api, world.viewer, studio))["__typename"] == "StudioPayload"
        assert await quotas(api, world) == [("WORKSPACE", "SESSIONS", 1, 1)]
        async with database.write() as transaction:
            await transaction.execute(update(core.studio).values(status="ERRORED"))
            await transaction.execute(update(core.session).values(ended_at=transaction.now))
        assert await quotas(api, world) == [("WORKSPACE", "SESSIONS", 1, 0)]


@pytest.mark.behaviour("B18")
async def test_a_start_that_asks_for_less_fits(api: Api, world: World, database: Database) -> None:
    await limit(database, world, "WORKSPACE", max_cpu=2.5)
    await running(database, world, "Cells")
    (studio,) = await stopped(database, world, 1)
    refused = await start(api, world.viewer, studio, cpu=3)
    assert "may have 2.5 cores at a time, and this start asks for 3 cores. Ask for less" in refused["message"]
    assert (await start(api, world.viewer, studio, cpu=0.5))["__typename"] == "StudioPayload"
    assert await quotas(api, world) == [("WORKSPACE", "CPU", 2.5, 2.5)]


@pytest.mark.behaviour("B18")
async def test_an_unlimited_session_gets_the_default_where_its_resource_has_a_quota(api: Api, world: World, database: Database) -> None:
    """No limit of its own would let it use any amount, and count for nothing."""
    await limit(database, world, "ORGANIZATION", max_cpu=3.0)
    first, second = await stopped(database, world, 2)
    assert (await start(api, world.viewer, first, cpu=0, memoryMiB=0))["__typename"] == "StudioPayload"
    async with database.read() as reader:
        configuration = (await reader.execute(select(core.session.c.configuration))).scalar_one()
    assert (configuration["cpu"], configuration["memory_mib"]) == (2, 0)
    assert (await start(api, world.viewer, second, cpu=0))["requested"] == 2


@pytest.mark.behaviour("B17")
@pytest.mark.behaviour("B18")
async def test_so_few_cores_that_they_are_no_limit_are_refused_and_count_as_the_default(api: Api, world: World, database: Database) -> None:
    """An engine rounds them to 0, which is no limit."""
    studio = await factories.create_studio(database, world, cpu=1e-10)
    assert problems(await start(api, world.viewer, studio, cpu=1e-10)) == [("overrides.cpu", "RANGE")]
    await limit(database, world, "WORKSPACE", max_cpu=1.0)
    assert (await start(api, world.viewer, studio))["requested"] == 2


@pytest.mark.behaviour("B18")
async def test_a_refused_start_saves_no_overrides(api: Api, world: World, database: Database) -> None:
    await limit(database, world, "WORKSPACE", max_cpu=1.0)
    studio = await factories.create_studio(database, world)
    values = {"studioId": gid("Studio", studio), "overrides": {"cpu": 1.5}, "save": True, "idempotencyKey": "k"}
    assert (await api.mutate(world.viewer, "startStudio", **values))["__typename"] == "QuotaExceededError"
    async with database.read() as reader:
        row = (await reader.execute(select(core.studio.c.cpu, core.studio.c.revision))).one()
    assert tuple(row) == (2, 1)
    await limit(database, world, "WORKSPACE", max_cpu=1.5)
    assert (await api.mutate(world.viewer, "startStudio", **values))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B18")
async def test_the_quotas_of_many_workspaces_take_as_many_statements_as_those_of_one(api: Api, world: World, database: Database) -> None:
    query = "{ viewer { memberships { workspace { quotas { resource used computeEnvironment { name } } } } } }"
    counts = []
    for more in (1, 5):
        for number in range(more):
            neighbour = await factories.create_neighbour(database, world, f"other-{more}-{number}")
            await factories.create_member(database, neighbour.workspace_id, user_id=world.user_id)
            await limit(database, neighbour, "COMPUTE_ENVIRONMENT", max_sessions=1)
            await running(database, neighbour, "Cells")
        with database.count_statements() as counted:
            response = await api.run(world.viewer, query)
        assert "errors" not in response, response
        counts.append(len(counted))
    assert counts[0] == counts[1]


@pytest.mark.behaviour("B18")
@pytest.mark.parametrize("auto_start", [True, False])
async def test_what_is_created_counts_if_it_starts(api: Api, world: World, database: Database, auto_start: bool) -> None:
    await limit(database, world, "WORKSPACE", max_sessions=0)
    source = await factories.create_studio(database, world, "Source")
    await factories.create_checkpoint(database, world, source)
    new = {"workspaceId": gid("Workspace", world.workspace_id), "name": "New", "templateId": gid("Template", world.template_id)}
    clone = {"from": {"studioId": gid("Studio", source)}, "name": "Clone", "autoStart": auto_start}
    kind = "QuotaExceededError" if auto_start else "StudioPayload"
    preview = "query ($input: CloneStudioInput!) { previewClone(input: $input) { refusals { __typename code } } }"
    refusals = (await api.run(world.viewer, preview, input=clone))["data"]["previewClone"]["refusals"]
    assert [refusal["__typename"] for refusal in refusals] == ([kind] if auto_start else [])
    assert (await api.mutate(world.viewer, "createStudio", **new, autoStart=auto_start))["__typename"] == kind
    assert (await api.mutate(world.viewer, "cloneStudio", **clone))["__typename"] == kind
    async with database.read() as reader:
        names = (await reader.execute(select(core.studio.c.name).order_by(core.studio.c.name))).scalars()
        assert list(names) == (["Source"] if auto_start else ["Clone", "New", "Source"])


@pytest.mark.behaviour("B18")
async def test_a_build_is_retried_within_the_limits(api: Api, world: World, database: Database) -> None:
    await limit(database, world, "WORKSPACE", max_sessions=1)
    holder = await running(database, world, "Cells")
    failed = await factories.create_studio(database, world, status="BUILD_FAILED", session_number=1)
    await factories.create_session(database, world, failed, ended_at=factories.BEGAN, saved=True)
    result = await api.mutate(world.viewer, "retryBuild", studioId=gid("Studio", failed))
    assert (result["__typename"], result["usedBy"]) == ("QuotaExceededError", [{"name": "Cells"}])
    async with database.write() as transaction:
        await transaction.execute(update(core.studio).where(core.studio.c.id == holder).values(status="STOPPED"))
    assert (await api.mutate(world.viewer, "retryBuild", studioId=gid("Studio", failed)))["__typename"] == "StudioPayload"
