"""What a Studio shows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schema.ids import encode
from schema.limits import Limits
from services.domain.access import Role, TokenScope, Viewer
from services.domain.ids import new_id
from services.domain.lifecycle import Action
from services.domain.statuses import StudioStatus
from services.store.db.database import Database
from tests import factories
from tests.factories import BEGAN, World
from tests.read.asking import GENEROUS, Asker


async def show(asker: Asker, viewer: Viewer, studio_id: str, fields: str) -> Any:
    """The Studio's fields as this viewer sees them."""
    query = f"query ($id: ID!) {{ studio(id: $id) {{ {fields} }} }}"
    return (await asker.data(viewer, query, id=encode("Studio", studio_id)))["studio"]


ACTIONS = "availableActions { action allowed reason }"


@pytest.mark.behaviour("B2")
@pytest.mark.parametrize("status", list(StudioStatus))
async def test_a_status_comes_with_its_message_its_time_and_its_reason(
    database: Database, world: World, asker: Asker, status: StudioStatus
) -> None:
    studio_id = await factories.create_studio(
        database, world, status=status, status_message="In words.", stop_reason="IDLE", status_since=BEGAN + timedelta(seconds=1.5)
    )
    seen = await show(asker, world.viewer, studio_id, "status statusMessage statusSince stopReason")
    assert seen == {"status": status, "statusMessage": "In words.", "statusSince": "2026-01-01T00:00:01.500Z", "stopReason": "IDLE"}


@pytest.mark.behaviour("B6")
async def test_every_action_is_listed_with_its_permission_or_the_reason_against_it(database: Database, world: World, asker: Asker) -> None:
    for status in StudioStatus:
        studio_id = await factories.create_studio(database, world, status=status)
        seen = (await show(asker, world.viewer, studio_id, ACTIONS))["availableActions"]
        assert [action["action"] for action in seen] == list(Action)
        assert all(action["allowed"] == (action["reason"] is None) for action in seen)


def allowed(seen: Any) -> set[str]:
    return {action["action"] for action in seen["availableActions"] if action["allowed"]}


@pytest.mark.behaviour("B6")
async def test_running_unlocks_connecting_copying_the_address_and_stopping(database: Database, world: World, asker: Asker) -> None:
    running = await factories.create_studio(database, world, status="RUNNING")
    stopped = await factories.create_studio(database, world, status="STOPPED")
    assert allowed(await show(asker, world.viewer, running, ACTIONS)) == {"CONNECT", "COPY_URL", "STOP", "CHECKPOINT_NOW", "CLONE"}
    assert allowed(await show(asker, world.viewer, stopped, ACTIONS)) == {"START", "EDIT", "DELETE", "CLONE"}


@pytest.mark.behaviour("B6")
@pytest.mark.behaviour("B91")
@pytest.mark.parametrize(
    ("role", "when_running", "when_stopped"),
    [
        (Role.VIEW, set(), set()),
        (Role.CONNECT, {"CONNECT", "COPY_URL"}, {"DELETE"}),
        (Role.LAUNCH, {"CONNECT", "COPY_URL", "STOP"}, {"DELETE", "START"}),
        (Role.MAINTAIN, {"CONNECT", "COPY_URL", "STOP", "CHECKPOINT_NOW", "CLONE"}, {"DELETE", "START", "EDIT", "CLONE"}),
        (Role.OWNER, {"CONNECT", "COPY_URL", "STOP", "CHECKPOINT_NOW", "CLONE"}, {"DELETE", "START", "EDIT", "CLONE"}),
    ],
)
async def test_what_is_allowed_follows_the_role_of_who_asks(
    database: Database, world: World, asker: Asker, role: Role, when_running: set[str], when_stopped: set[str]
) -> None:
    viewer, _ = await factories.create_viewer(database, world.workspace_id, role)
    running = await factories.create_studio(database, world, status="RUNNING")
    stopped = await factories.create_studio(database, world, status="STOPPED")
    assert allowed(await show(asker, viewer, running, ACTIONS)) == when_running
    assert allowed(await show(asker, viewer, stopped, ACTIONS)) == when_stopped


@pytest.mark.behaviour("B6", "B9")
async def test_a_start_that_lasts_too_long_may_be_forced_to_stop(database: Database, world: World, asker: Asker) -> None:
    old = await factories.create_studio(database, world, status="STARTING", status_since=BEGAN)
    new = await factories.create_studio(database, world, status="STARTING", status_since=datetime.now(UTC))
    assert allowed(await show(asker, world.viewer, old, ACTIONS)) == {"FORCE_STOP", "CLONE"}
    seen = (await show(asker, world.viewer, new, "availableActions { action reason until }"))["availableActions"]
    later = next(action for action in seen if action["action"] == "FORCE_STOP")
    assert "from 20" in later["reason"]
    assert datetime.fromisoformat(later["until"]) > datetime.now(UTC)
    assert all(action["until"] is None for action in seen if action["action"] != "FORCE_STOP")


@pytest.mark.behaviour("B6")
async def test_a_refused_action_says_what_is_missing(database: Database, world: World, asker: Asker) -> None:
    studio_id = await factories.create_studio(database, world, status="STOPPED")
    guest, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW)
    reader, _ = await factories.create_token(database, world.user_id, [TokenScope.READ])
    for viewer, words in ((guest, "role LAUNCH"), (reader, "scope OPERATE")):
        seen = (await show(asker, viewer, studio_id, ACTIONS))["availableActions"]
        assert words in next(action["reason"] for action in seen if action["action"] == "START")


async def test_the_address_is_for_those_who_may_open_what_runs(database: Database, world: World, asker: Asker) -> None:
    running = await factories.create_studio(database, world, status="RUNNING", public_id="0123456789ab")
    stopped = await factories.create_studio(database, world, status="STOPPED")
    guest, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW)
    reader, _ = await factories.create_token(database, world.user_id, [TokenScope.READ])
    assert (await show(asker, world.viewer, running, "url"))["url"] == "http://s.a0123456789ab.localhost:8000/"
    assert (await show(asker, world.viewer, stopped, "url"))["url"] is None
    assert (await show(asker, guest, running, "url"))["url"] is None
    assert (await show(asker, reader, running, "url"))["url"] is None


async def test_the_value_of_a_secret_variable_is_not_shown(database: Database, world: World, asker: Asker) -> None:
    variables = [{"key": "OPEN", "value": "yes", "secret": False}, {"key": "KEY", "value": "sealed-text", "secret": True}]
    studio_id = await factories.create_studio(database, world, environment=variables, session_number=1)
    await factories.create_session(
        database, world, studio_id, configuration={"cpu": 1.5, "memory_mib": 512, "gpu": 0, "lifespan_hours": 0, "environment": variables}
    )
    environment = "environment { key value secret }"
    seen = await show(
        asker,
        world.viewer,
        studio_id,
        f"configuration {{ {environment} }} sessions {{ nodes {{ configuration {{ cpu {environment} }} }} }}",
    )
    shown = [{"key": "OPEN", "value": "yes", "secret": False}, {"key": "KEY", "value": None, "secret": True}]
    assert seen["configuration"]["environment"] == shown
    assert seen["sessions"]["nodes"] == [{"configuration": {"cpu": 1.5, "environment": shown}}]


async def test_the_configuration_with_its_long_parts(database: Database, world: World, asker: Asker) -> None:
    studio_id = await factories.create_studio(
        database,
        world,
        "Analysis",
        description="What for.",
        conda_environment="dependencies: []",
        cpu=0.5,
        memory_mib=256,
        lifespan_hours=0,
    )
    seen = await show(
        asker,
        world.viewer,
        studio_id,
        "name publicId description revision configuration { cpu memoryMiB gpu lifespanHours condaEnvironment environment { key } }",
    )
    assert len(seen.pop("publicId")) == 12
    assert seen == {
        "name": "Analysis",
        "description": "What for.",
        "revision": 1,
        "configuration": {
            "cpu": 0.5,
            "memoryMiB": 256,
            "gpu": 0,
            "lifespanHours": 0,
            "condaEnvironment": "dependencies: []",
            "environment": [],
        },
    }


async def test_the_times_of_a_run_show_while_it_runs(database: Database, world: World, asker: Asker) -> None:
    fields = "expiresAt idleStopsAt createdAt lastStartedAt"
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=2, last_started_at=BEGAN)
    ended = {"expires_at": BEGAN, "idle_stops_at": BEGAN, "ended_at": BEGAN}
    await factories.create_session(database, world, studio_id, number=1, **ended)
    await factories.create_session(database, world, studio_id, number=2, expires_at=BEGAN + timedelta(hours=8))
    begun = {"createdAt": "2026-01-01T00:00:00.000Z", "lastStartedAt": "2026-01-01T00:00:00.000Z"}
    assert await show(asker, world.viewer, studio_id, fields) == {"expiresAt": "2026-01-01T08:00:00.000Z", "idleStopsAt": None, **begun}
    over = await factories.create_studio(database, world, session_number=1, last_started_at=BEGAN)
    await factories.create_session(database, world, over, number=1, **ended)
    assert await show(asker, world.viewer, over, fields) == {"expiresAt": None, "idleStopsAt": None, **begun}


@pytest.mark.behaviour("B52")
async def test_connected_users_are_counted_once_with_all_their_tabs(database: Database, world: World, asker: Asker) -> None:
    guest, _ = await factories.create_viewer(database, world.workspace_id, Role.CONNECT, "bob")
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=2)
    minutes = [BEGAN + timedelta(minutes=n) for n in range(5)]
    await factories.create_connection(database, world, studio_id, session_number=1)
    await factories.create_connection(database, world, studio_id, session_number=2, ended_at=minutes[1])
    for begin, active in ((1, 1), (2, 4)):
        await factories.create_connection(
            database, world, studio_id, session_number=2, connected_at=minutes[begin], last_active_at=minutes[active]
        )
    await factories.create_connection(database, world, studio_id, session_number=2, user_id=guest.user_id)
    seen = await show(asker, world.viewer, studio_id, "status connectedUsers { user { userName } connectedAt lastActiveAt tabs }")
    assert seen["status"] == "RUNNING"
    assert seen["connectedUsers"] == [
        {"user": {"userName": "bob"}, "connectedAt": "2026-01-01T00:00:00.000Z", "lastActiveAt": "2026-01-01T00:00:00.000Z", "tabs": 1},
        {"user": {"userName": "ada"}, "connectedAt": "2026-01-01T00:01:00.000Z", "lastActiveAt": "2026-01-01T00:04:00.000Z", "tabs": 2},
    ]


@pytest.mark.behaviour("B32")
async def test_checkpoints_show_name_author_times_size_status_and_parent(database: Database, world: World, asker: Asker) -> None:
    studio_id = await factories.create_studio(database, world, session_number=3)
    begin = await factories.create_checkpoint(database, world, studio_id, "s_1", number=1)
    await factories.create_checkpoint(database, world, studio_id, "s_2", number=2, parent_id=begin, status="INTERIM", size=2**40)
    await factories.create_checkpoint(database, world, studio_id, "s_3", number=3, status="EMPTY", size=None, saved_at=None)
    await factories.create_checkpoint(database, world, studio_id, "gone", number=4, deleted_at=BEGAN)
    fields = "name status author { userName } createdAt savedAt size sessionNumber studio { id } parent { name }"
    seen = await show(asker, world.viewer, studio_id, f"checkpoints {{ nodes {{ {fields} }} }} latestCheckpoint {{ name }}")
    common = {"author": {"userName": "ada"}, "createdAt": "2026-01-01T00:00:00.000Z", "studio": {"id": encode("Studio", studio_id)}}
    saved = "2026-01-01T01:00:00.000Z"
    assert seen["checkpoints"]["nodes"] == [
        {"name": "s_3", "status": "EMPTY", "savedAt": None, "size": None, "sessionNumber": 3, "parent": None, **common},
        {"name": "s_2", "status": "INTERIM", "savedAt": saved, "size": 2**40, "sessionNumber": 2, "parent": {"name": "s_1"}, **common},
        {"name": "s_1", "status": "FINALIZED", "savedAt": saved, "size": 1024, "sessionNumber": 1, "parent": None, **common},
    ]
    assert seen["latestCheckpoint"] == {"name": "s_2"}, "the newest that is saved"


@pytest.mark.behaviour("B22")
async def test_a_checkpoint_outlives_its_studio(database: Database, world: World, asker: Asker) -> None:
    checkpoint_id = await factories.create_checkpoint(database, world, new_id(), "left")
    query = "query ($id: ID!) { node(id: $id) { ... on Checkpoint { name studio { id } } } }"
    assert await asker.data(world.viewer, query, id=encode("Checkpoint", checkpoint_id)) == {"node": {"name": "left", "studio": None}}


async def test_an_operation_shows_its_steps_and_who_asked(database: Database, world: World, asker: Asker) -> None:
    steps = [
        {
            "name": "One",
            "state": "SUCCEEDED",
            "message": None,
            "started_at": "2026-01-01T00:00:00+00:00",
            "ended_at": "2026-01-01T00:00:02+00:00",
        },
        {"name": "Two", "state": "IN_PROGRESS", "message": "Waiting.", "started_at": "2026-01-01T00:00:02+00:00", "ended_at": None},
    ]
    operation_id = await factories.create_operation(database, world, new_id(), steps=steps, deadline=BEGAN)
    studio_id = await factories.create_studio(database, world, status="STARTING", operation_id=operation_id)
    progress = "{ name state message startedAt endedAt }"
    shown = [
        {
            "name": "One",
            "state": "SUCCEEDED",
            "message": None,
            "startedAt": "2026-01-01T00:00:00.000Z",
            "endedAt": "2026-01-01T00:00:02.000Z",
        },
        {"name": "Two", "state": "IN_PROGRESS", "message": "Waiting.", "startedAt": "2026-01-01T00:00:02.000Z", "endedAt": None},
    ]
    assert (await show(asker, world.viewer, studio_id, f"progress {progress}"))["progress"] == shown
    fields = f"kind state actor {{ name cause user {{ userName }} }} steps {progress} studio {{ id }} deadline"
    query = f"query ($id: ID!) {{ operation(id: $id) {{ {fields} }} }}"
    assert (await asker.data(world.viewer, query, id=encode("Operation", operation_id)))["operation"] == {
        "kind": "START",
        "state": "RUNNING",
        "actor": {"name": "ada", "cause": None, "user": {"userName": "ada"}},
        "steps": shown,
        "studio": None,
        "deadline": "2026-01-01T00:00:00.000Z",
    }


async def test_a_studio_without_an_operation_has_no_progress(database: Database, world: World, asker: Asker) -> None:
    studio_id = await factories.create_studio(database, world, compute_environment_id=None)
    assert await show(asker, world.viewer, studio_id, "progress { name } computeEnvironment { id }") == {
        "progress": [],
        "computeEnvironment": None,
    }


@pytest.mark.behaviour("B5")
async def test_a_compute_environment_shows_what_it_has_and_what_sessions_hold(database: Database, world: World, asker: Asker) -> None:
    for status in StudioStatus:
        studio_id = await factories.create_studio(database, world, status=status, session_number=2)
        for number in (1, 2):
            await factories.create_session(database, world, studio_id, number=number)
    query = """{ workspace(by: { slug: "lab" }) { computeEnvironments {
        name kind enabled reachable message capacity { cpu memoryMiB gpu } inUse { sessions cpu memoryMiB gpu } } } }"""
    assert (await asker.data(world.viewer, query))["workspace"]["computeEnvironments"] == [
        {
            "name": "Here",
            "kind": "PROCESS",
            "enabled": True,
            "reachable": True,
            "message": None,
            "capacity": {"cpu": 8.0, "memoryMiB": 16384, "gpu": 0},
            "inUse": {"sessions": 4, "cpu": 8.0, "memoryMiB": 32768, "gpu": 0},
        }
    ]


@pytest.mark.behaviour("B15")
async def test_whether_a_name_is_free_can_be_asked(database: Database, world: World, asker: Asker) -> None:
    await factories.create_studio(database, world, "Straße")
    query = "query ($id: ID!, $name: String!) { studioNameAvailable(workspaceId: $id, name: $name) }"
    workspace_id = encode("Workspace", world.workspace_id)
    for name, free in (("Strasse", False), (" STRASSE ", False), ("Straß", True)):
        assert await asker.data(world.viewer, query, id=workspace_id, name=name) == {"studioNameAvailable": free}
    for name in ("", "   ", "x" * 81):
        reply = await asker.ask(world.viewer, query, id=workspace_id, name=name)
        assert (reply.data, reply.error["argument"]) == ({"studioNameAvailable": None}, "name")


async def test_the_server_says_what_a_client_needs_to_know(database: Database, world: World, asker: Asker) -> None:
    query = "{ serverInfo { version computeKinds transports dialAddress warnings limits { depth cost querySeconds } } }"
    seen = (await asker.data(world.viewer, query))["serverInfo"]
    assert seen["computeKinds"] == ["PROCESS"]
    assert seen["limits"] == {"depth": GENEROUS.depth, "cost": GENEROUS.cost, "querySeconds": Limits().query_seconds}
    assert seen["dialAddress"] == "127.0.0.1:8000"
    assert "server's own user" in seen["warnings"][0]
    assert "graphql-transport-ws" in seen["transports"]
    await factories.allow_many_users(database)
    seen = (await asker.data(world.viewer, query))["serverInfo"]
    assert (seen["computeKinds"], seen["warnings"]) == ([], [])
