"""studioStatusChanged, studioEvents, connectionErrors: each event once and in order, to whoever may see it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from schema.ids import encode
from services.domain.access import Role, TokenScope
from services.domain.events import Cursor, Kind
from services.live.stream_items import StreamSettings
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.live.access_changes import set_role
from tests.live.conftest import Live, running
from tests.live.stored_log import trim
from tests.live.watching import Refusal, create, enter, log, remove, studio, watch, workspace
from tests.waiting import promised

FRAME = """{
  kind: __typename
  ... on StudioStatusSnapshot { cursor studios { name status } }
  ... on StudioEvent { cursor studioId studioName studio { name } actor { name cause } }
  ... on StudioStatusEvent { previousStatus status statusMessage stopReason }
  ... on Resync { cursor reason } ... on Heartbeat { cursor at }
}"""
STATUS = f"studioStatusChanged(scope: $scope, after: $after) {FRAME}"
EVENTS = "studioEvents(scope: $scope, filter: $filter, after: $after) { kind: __typename ... on StudioEvent { studioId cursor } }"


@pytest.mark.behaviour("B83")
async def test_each_change_of_status_comes_once_and_in_order_after_a_snapshot(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world, "Alpha")
    async with watch(live, world.viewer, STATUS, scope=workspace(world)) as watcher:
        snapshot = await watcher.frame()
        assert snapshot["kind"] == "StudioStatusSnapshot"
        assert snapshot["studios"] == [{"name": "Alpha", "status": "STOPPED"}]
        for previous, status in (("STOPPED", "STARTING"), ("STARTING", "RUNNING"), ("RUNNING", "STOPPING")):
            await enter(live.database, world, studio_id, previous, status, stop_reason="LIFESPAN_EXPIRED", status_message="Because.")
        frames = await watcher.frames(3)
    assert [(f["previousStatus"], f["status"]) for f in frames] == [
        ("STOPPED", "STARTING"),
        ("STARTING", "RUNNING"),
        ("RUNNING", "STOPPING"),
    ]
    last = frames[-1]
    assert (last["statusMessage"], last["stopReason"]) == ("Because.", "LIFESPAN_EXPIRED")
    assert (last["studioId"], last["studioName"], last["studio"]) == (encode("Studio", studio_id), "A Studio", {"name": "Alpha"})
    assert last["actor"] == {"name": None, "cause": "test"}


@pytest.mark.behaviour("B83")
async def test_creation_is_a_change_of_status_from_nothing(live: Live, world: World) -> None:
    async with watch(live, world.viewer, STATUS, scope=workspace(world)) as watcher:
        await watcher.frame()
        await create(live.database, world, name="Alpha")
        frame = await watcher.frame()
    assert (frame["previousStatus"], frame["status"], frame["actor"]["name"]) == (None, "STOPPED", "ada")


@pytest.mark.behaviour("B83")
async def test_after_the_last_cursor_a_stream_goes_on_without_a_snapshot_and_misses_nothing(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    async with watch(live, world.viewer, STATUS, scope=workspace(world)) as watcher:
        cursor = (await watcher.frame())["cursor"]
    for previous, status in (("STOPPED", "STARTING"), ("STARTING", "RUNNING")):
        await enter(live.database, world, studio_id, previous, status)
    async with watch(live, world.viewer, STATUS, scope=studio(studio_id), after=cursor) as watcher:
        frames = await watcher.frames(2)
        await enter(live.database, world, studio_id, "RUNNING", "STOPPING")
        frames.append(await watcher.frame())
    assert [frame["status"] for frame in frames] == ["STARTING", "RUNNING", "STOPPING"]


@pytest.mark.behaviour("B83")
async def test_when_the_log_does_not_reach_back_a_resync_and_a_snapshot_say_so(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world, "Alpha")
    async with watch(live, world.viewer, STATUS, scope=workspace(world)) as watcher:
        old = (await watcher.frame())["cursor"]
    await enter(live.database, world, studio_id, "STOPPED", "STARTING")
    await enter(live.database, world, studio_id, "STARTING", "RUNNING")
    await trim(live.database, world.workspace_id, 1)
    async with watch(live, world.viewer, STATUS, scope=workspace(world), after=old) as watcher:
        resync, snapshot = await watcher.frames(2)
        assert (resync["kind"], resync["reason"]) == ("Resync", "RETENTION")
        assert snapshot["studios"] == [{"name": "Alpha", "status": "RUNNING"}]
        assert snapshot["cursor"] == resync["cursor"]
        await enter(live.database, world, studio_id, "RUNNING", "STOPPING")
        assert (await watcher.frame())["status"] == "STOPPING"
    unknown = replace(Cursor.decode(old), epoch="other").encode()
    async with watch(live, world.viewer, STATUS, scope=workspace(world), after=unknown) as watcher:
        assert (await watcher.frame())["reason"] == "UNKNOWN_CURSOR"


async def test_what_is_no_cursor_is_an_error_about_the_argument(live: Live, world: World) -> None:
    async with watch(live, world.viewer, STATUS, scope=workspace(world), after="nonsense") as watcher:
        with pytest.raises(Refusal) as refusal:
            await watcher.frame()
    assert refusal.value.codes == ["BAD_CURSOR"]


async def test_heartbeats_carry_the_newest_cursor(database: Database, world: World) -> None:
    async with (
        running(database, StreamSettings(heartbeat_seconds=0.05)) as live,
        watch(live, world.viewer, STATUS, scope=workspace(world)) as watcher,
    ):
        first = (await watcher.frame())["cursor"]
        await log(database, world, "a" * 32, Kind.STUDIO_EDITED, revision=2, fields=["name", "memory_mib", "lifespan_hours"])
        beat = await watcher.frame()
        while beat["cursor"] == first:
            beat = await watcher.frame()
        assert beat["kind"] == "Heartbeat"
        assert Cursor.decode(beat["cursor"]).seq == Cursor.decode(first).seq + 1


@pytest.mark.behaviour("B92")
async def test_a_stranger_gets_the_same_answer_for_what_is_absent_and_what_is_hidden(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    stranger, _ = await factories.create_token(live.database, await factories.create_user(live.database))
    answers = []
    for scope in (workspace(world), studio(studio_id), {"workspaceId": encode("Workspace", "0" * 32)}, studio("0" * 32)):
        async with watch(live, stranger, STATUS, scope=scope) as watcher:
            with pytest.raises(Refusal) as refusal:
                await watcher.frame()
            answers.append((refusal.value.codes, refusal.value.messages))
    assert answers[0] == answers[2]
    assert answers[1] == answers[3]
    assert [codes for codes, _ in answers] == [["NOT_FOUND"]] * 4


@pytest.mark.behaviour("B94")
async def test_a_token_without_the_scope_to_read_is_refused(live: Live, world: World) -> None:
    viewer, _ = await factories.create_token(live.database, world.user_id, [TokenScope.CONNECT])
    async with watch(live, viewer, STATUS, scope=workspace(world)) as watcher:
        with pytest.raises(Refusal) as refusal:
            await watcher.frame()
    assert refusal.value.codes == ["FORBIDDEN"]


@pytest.mark.behaviour("B59")
async def test_who_is_removed_midway_is_told_and_sees_nothing_more(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.VIEW)
    async with watch(live, viewer, STATUS, scope=workspace(world)) as watcher:
        await watcher.frame()
        waiting = asyncio.create_task(watcher.frame())
        await asyncio.sleep(0)
        await set_role(live.database, world.workspace_id, viewer.user_id, None)
        await enter(live.database, world, studio_id, "STOPPED", "STARTING")
        with pytest.raises(Refusal) as refusal:
            await asyncio.wait_for(waiting, promised(2))
        assert refusal.value.codes == ["FORBIDDEN"]
        assert await watcher.ends()


async def test_a_stream_of_one_studio_ends_with_it(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    async with (
        watch(live, world.viewer, STATUS, scope=studio(studio_id)) as status,
        watch(live, world.viewer, EVENTS, scope=studio(studio_id)) as events,
    ):
        await status.frame()
        await events.frame()
        await remove(live.database, world, studio_id)
        assert await status.ends()
        assert (await events.frame())["kind"] == "StudioDeletedEvent"
        assert await events.ends()


@pytest.mark.behaviour("B86")
async def test_everything_that_happens_to_studios_is_told(live: Live, world: World) -> None:
    query = """studioEvents(scope: $scope) {
      kind: __typename
      ... on StudioEditedEvent { revision fields }
      ... on CheckpointEvent { checkpointId checkpointName checkpointStatus change checkpoint { name } }
      ... on MigrationEvent { state attempt { studioName issues { subject } } }
      ... on ConnectedUsersEvent { user { userName } userName presence: change }
      ... on ConnectionErrorEvent { user { userName } code reason retryable }
      ... on DisruptionWarningEvent { code reason plannedAt }
    }"""
    studio_id = await factories.create_studio(live.database, world)
    checkpoint_id = await factories.create_checkpoint(live.database, world, studio_id, "first")
    issue = {"kind": "PACKAGE_BROKEN", "subject": "numpy", "message": "It cannot be loaded.", "commands": []}
    attempt_id = await factories.create_migration_attempt(live.database, world, studio_id, "s" * 32, issues=[issue])
    user: dict[str, Any] = {"user_id": world.user_id, "user_name": "ada"}
    at = "2026-01-01T12:00:00+00:00"
    async with watch(live, world.viewer, query, scope=workspace(world)) as watcher:
        await watcher.frame()
        write = (live.database, world, studio_id)
        await log(*write, Kind.STUDIO_EDITED, revision=2, fields=["name", "memory_mib", "lifespan_hours"])
        await log(*write, Kind.CHECKPOINT, checkpoint_id=checkpoint_id, name="was", status="INTERIM", change="saved")
        await log(*write, Kind.MIGRATION, attempt_id=attempt_id, state="WITH_ISSUES")
        await log(*write, Kind.OPERATION, operation_id="o" * 32)
        await log(*write, Kind.CONNECTED_USERS, change="joined", **user)
        await log(*write, Kind.DISRUPTION_WARNING, code="LIFESPAN_EXPIRED", reason="Soon.", at=at, session_number=1)
        await log(*write, Kind.CONNECTION_ERROR, code="ACCESS_REVOKED", reason="Gone.", retryable=False, session_number=1, **user)
        frames = await watcher.frames(6)
    assert frames == [
        {"kind": "StudioEditedEvent", "revision": 2, "fields": ["name", "memoryMiB", "lifespanHours"]},
        {
            "kind": "CheckpointEvent",
            "checkpointId": encode("Checkpoint", checkpoint_id),
            "checkpointName": "was",
            "checkpointStatus": "INTERIM",
            "change": "SAVED",
            "checkpoint": {"name": "first"},
        },
        {"kind": "MigrationEvent", "state": "WITH_ISSUES", "attempt": {"studioName": "Migrated", "issues": [{"subject": "numpy"}]}},
        {"kind": "ConnectedUsersEvent", "user": {"userName": "ada"}, "userName": "ada", "presence": "JOINED"},
        {"kind": "DisruptionWarningEvent", "code": "LIFESPAN_EXPIRED", "reason": "Soon.", "plannedAt": "2026-01-01T12:00:00.000Z"},
        {"kind": "ConnectionErrorEvent", "user": {"userName": "ada"}, "code": "ACCESS_REVOKED", "reason": "Gone.", "retryable": False},
    ]


async def test_a_filter_lets_through_the_events_of_the_studios_that_match(live: Live, world: World) -> None:
    chosen = await factories.create_studio(live.database, world, "Wanted")
    other = await factories.create_studio(live.database, world, "Other")
    async with watch(live, world.viewer, EVENTS, scope=workspace(world), filter={"nameContains": "want"}) as watcher:
        await watcher.frame()
        for studio_id in (other, chosen, other, chosen):
            await enter(live.database, world, studio_id, "STOPPED", "STARTING")
        frames = await watcher.frames(2)
    assert [frame["studioId"] for frame in frames] == [encode("Studio", chosen)] * 2


@pytest.mark.behaviour("B57")
async def test_connection_errors_and_their_warnings_are_told_and_nothing_else(live: Live, world: World) -> None:
    query = "connectionErrors(scope: $scope, after: $after) { kind: __typename ... on Heartbeat { cursor } ... on StudioEvent { cursor } }"
    studio_id = await factories.create_studio(live.database, world)
    async with watch(live, world.viewer, query, scope=studio(studio_id)) as watcher:
        begun = await watcher.frame()
        assert begun["kind"] == "Heartbeat"
        await log(live.database, world, studio_id, Kind.DISRUPTION_WARNING, code="STUDIO_STOPPED", reason="Soon.", session_number=1)
        await enter(live.database, world, studio_id, "RUNNING", "STOPPING")
        await log(
            live.database, world, studio_id, Kind.CONNECTION_ERROR, code="STUDIO_STOPPED", reason="", retryable=True, session_number=1
        )
        frames = await watcher.frames(2)
    assert [frame["kind"] for frame in frames] == ["DisruptionWarningEvent", "ConnectionErrorEvent"]
    async with watch(live, world.viewer, query, scope=studio(studio_id), after=begun["cursor"]) as watcher:
        assert await watcher.frames(2) == frames
