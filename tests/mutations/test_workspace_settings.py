"""The settings of a workspace, as administrators change them (B93)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.domain.access import Operator, OperatorPermission, Role
from services.domain.errors import Forbidden
from services.identity.directory import UserDirectory
from services.services import Services
from services.store.db.database import Database
from services.store.tables import core
from services.workspaces.requests import LimitChanges
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, Json, gid, problems
from tests.mutations.quotas import quotas, start

ALL: dict[str, Any] = {
    "lifespanHours": 4,
    "idleMinutes": 30,
    "checkpointIntervalSeconds": 60,
    "keptCheckpoints": 5,
    "maxSessions": 20,
    "maxCpu": 7.5,
    "maxMemoryMiB": 65536,
    "maxGpu": 0,
}
EVENTS = """query ($id: ID!) { workspace(by: { id: $id }) { events { nodes {
  actor { name cause } ... on WorkspaceSettingsEvent { fields } } } } }"""


async def change(api: Api, world: World, **values: Any) -> Json:
    return await api.mutate(world.viewer, "updateWorkspaceSettings", workspaceId=gid("Workspace", world.workspace_id), **values)


async def events(api: Api, world: World) -> list[Json]:
    """Newest first."""
    nodes: list[Json] = (await api.run(world.viewer, EVENTS, id=gid("Workspace", world.workspace_id)))["data"]["workspace"]["events"][
        "nodes"
    ]
    return nodes


@pytest.mark.behaviour("B93")
async def test_settings_are_set_kept_and_reset_each_by_itself(api: Api, world: World) -> None:
    assert (await change(api, world, **ALL))["workspace"]["settings"] == ALL
    assert (await change(api, world, idleMinutes=None, maxCpu=None))["workspace"]["settings"] == ALL | {"idleMinutes": None, "maxCpu": None}
    assert (await change(api, world, **dict.fromkeys(ALL)))["workspace"]["settings"] == dict.fromkeys(ALL)


@pytest.mark.behaviour("B86")
@pytest.mark.behaviour("B93")
async def test_a_change_is_in_the_log_of_the_workspace_with_its_actor(api: Api, world: World) -> None:
    await change(api, world, lifespanHours=4, maxMemoryMiB=1024)
    await change(api, world, lifespanHours=4)
    await change(api, world)
    ada = {"name": "ada", "cause": None}
    assert await events(api, world) == [{"actor": ada, "fields": ["lifespanHours", "maxMemoryMiB"]}]


@pytest.mark.behaviour("B93")
async def test_all_values_out_of_range_are_named_and_nothing_is_changed(api: Api, world: World) -> None:
    bad = {"lifespanHours": 121, "idleMinutes": -1, "checkpointIntervalSeconds": 9, "keptCheckpoints": 10_001, "maxSessions": -1}
    result = await change(api, world, **bad, maxCpu=-0.5, maxMemoryMiB=-1, maxGpu=-2)
    named = [*list(ALL)[4:], *list(ALL)[:4]]
    assert problems(result) == [(name, "RANGE") for name in named]
    assert "must be 10 to 86,400 seconds, or 0 for no periodic saves" in str(result["problems"])
    assert (await change(api, world))["workspace"]["settings"] == dict.fromkeys(ALL)


@pytest.mark.behaviour("B95")
async def test_a_repeated_call_changes_nothing_again(api: Api, world: World) -> None:
    await change(api, world, maxSessions=5, idempotencyKey="k")
    await change(api, world, maxSessions=9)
    repeated = await change(api, world, maxSessions=5, idempotencyKey="k")
    assert repeated["workspace"]["settings"]["maxSessions"] == 9
    assert (await change(api, world, maxSessions=6, idempotencyKey="k"))["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.behaviour("B18")
@pytest.mark.behaviour("B93")
async def test_an_administrator_limits_the_sessions_of_the_workspace(api: Api, world: World, database: Database) -> None:
    admin, _ = await factories.create_viewer(database, world.workspace_id, Role.ADMIN)
    result = await api.mutate(admin, "updateWorkspaceSettings", workspaceId=gid("Workspace", world.workspace_id), maxSessions=1)
    assert result["workspace"]["settings"]["maxSessions"] == 1
    first, second = [await factories.create_studio(database, world) for _ in range(2)]
    assert (await start(api, world.viewer, first))["__typename"] == "StudioPayload"
    refused = await start(api, world.viewer, second)
    assert (refused["__typename"], refused["limit"], refused["used"]) == ("QuotaExceededError", 1, 1)
    assert "ask an administrator of the workspace for a higher limit" in refused["message"]
    assert await quotas(api, world) == [("WORKSPACE", "SESSIONS", 1, 1)]


@pytest.mark.behaviour("B13")
@pytest.mark.behaviour("B93")
async def test_a_lifespan_of_the_workspace_holds_for_the_next_session(api: Api, world: World, database: Database) -> None:
    await change(api, world, lifespanHours=3)
    studio = await factories.create_studio(database, world, lifespan_hours=8)
    refused = await start(api, world.viewer, studio, lifespanHours=8)
    assert problems(refused) == [("overrides.lifespanHours", "LOCKED")]
    assert (await start(api, world.viewer, studio))["__typename"] == "StudioPayload"
    query = "query ($id: ID!) { studio(id: $id) { sessions { nodes { configuration { lifespanHours } } } } }"
    sessions = (await api.run(world.viewer, query, id=gid("Studio", studio)))["data"]["studio"]["sessions"]["nodes"]
    assert sessions == [{"configuration": {"lifespanHours": 3}}]


@pytest.mark.behaviour("B93")
async def test_idle_limit_and_checkpoint_interval_hold_for_running_sessions(api: Api, world: World, database: Database) -> None:
    began, studio = datetime.now(UTC), await factories.create_studio(database, world, status="RUNNING", session_number=2)
    await factories.create_session(database, world, studio, number=2, running_at=began)
    await factories.create_session(database, world, studio, number=1, running_at=began, ended_at=began)
    times = select(core.session.c.idle_stops_at, core.session.c.next_save_at).order_by(core.session.c.number.desc())
    for idle, interval, expected in ((30, 60, [1800, 60]), (0, 0, [None, None]), (None, None, [None, 300])):
        await change(api, world, idleMinutes=idle, checkpointIntervalSeconds=interval)
        async with database.read() as reader:
            running, ended = (await reader.execute(times)).all()
        for at, seconds in zip(running, expected, strict=True):
            assert (at is None) == (seconds is None)
            assert at is None or timedelta(seconds=-5) < at - began - timedelta(seconds=seconds or 0) < timedelta(seconds=60)
        assert tuple(ended) == (None, None)


@pytest.mark.behaviour("B18")
async def test_the_operator_needs_the_permission_to_limit(services: Services, world: World, database: Database) -> None:
    workspace = await UserDirectory(services.runner).find_workspace("lab")
    organization = await UserDirectory(services.runner).find_organization("acme")
    without = Operator(frozenset(OperatorPermission) - {OperatorPermission.WORKSPACE_MANAGE})
    for command in (
        services.workspaces.edit_settings(without, workspace, LimitChanges(max_sessions=1)),
        services.workspaces.limit_organization(without, organization, LimitChanges(max_sessions=1)),
    ):
        with pytest.raises(Forbidden):
            await command
