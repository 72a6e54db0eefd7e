"""studios, connectedUsers, operationProgress: how things stand, newest only."""

import pytest
from sqlalchemy import update

from schema.ids import encode
from services.commands import CommandRunner
from services.domain.access import Role
from services.domain.events import Kind
from services.domain.ids import new_id
from services.domain.time_policy import TimePolicy
from services.live.stream_items import StreamSettings
from services.secrets.secret_box import SecretBox
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios.requests import StudioActionRequest
from services.studios.studios import Studios
from tests import factories
from tests.factories import BEGAN, World
from tests.live.access_changes import set_role
from tests.live.conftest import Live, running
from tests.live.watching import Refusal, create, enter, log, remove, watch

LIST = """studios(workspaceId: $id, filter: $filter) {
  kind: __typename
  ... on StudioListSnapshot { studios { name status } }
  ... on StudioEntered { studio { name status } }
  ... on StudioChanged { studio { name status } }
  ... on StudioLeft { studioId }
}"""
USERS = """connectedUsers(studioId: $id) {
  kind: __typename ... on ConnectedUsersSnapshot { connectedUsers { user { userName } tabs } }
}"""
PROGRESS = "operationProgress(operationId: $id) { state steps { name state } error }"


def workspace_id(world: World) -> str:
    return encode("Workspace", world.workspace_id)


@pytest.mark.behaviour("B82")
async def test_the_list_comes_first_then_what_enters_changes_and_leaves(live: Live, world: World) -> None:
    database = live.database
    alpha = await factories.create_studio(database, world, "Alpha")
    async with watch(live, world.viewer, LIST, id=workspace_id(world)) as watcher:
        assert await watcher.frame() == {"kind": "StudioListSnapshot", "studios": [{"name": "Alpha", "status": "STOPPED"}]}
        await create(database, world, name="Beta")
        assert await watcher.frame() == {"kind": "StudioEntered", "studio": {"name": "Beta", "status": "STOPPED"}}
        await enter(database, world, alpha, "STOPPED", "STARTING")
        assert await watcher.frame() == {"kind": "StudioChanged", "studio": {"name": "Alpha", "status": "STARTING"}}
        await remove(database, world, alpha)
        assert await watcher.frame() == {"kind": "StudioLeft", "studioId": encode("Studio", alpha)}


@pytest.mark.behaviour("B82")
async def test_the_filter_is_the_querys(live: Live, world: World) -> None:
    database = live.database
    alpha = await factories.create_studio(database, world, "Alpha")
    await factories.create_studio(database, world, "Beta", status="RUNNING")
    async with watch(live, world.viewer, LIST, id=workspace_id(world), filter={"statuses": ["RUNNING"]}) as watcher:
        assert [studio["name"] for studio in (await watcher.frame())["studios"]] == ["Beta"]
        await enter(database, world, alpha, "STOPPED", "STARTING")
        await enter(database, world, alpha, "STARTING", "RUNNING")
        assert await watcher.frame() == {"kind": "StudioEntered", "studio": {"name": "Alpha", "status": "RUNNING"}}
        await enter(database, world, alpha, "RUNNING", "STOPPING")
        assert await watcher.frame() == {"kind": "StudioLeft", "studioId": encode("Studio", alpha)}


@pytest.mark.behaviour("B82")
async def test_many_changes_while_nobody_reads_show_as_one_and_take_one_statement(live: Live, world: World) -> None:
    database = live.database
    ids = [await factories.create_studio(database, world, f"Studio {number}") for number in range(5)]
    async with watch(live, world.viewer, LIST, id=workspace_id(world)) as watcher:
        await watcher.frame()
        async with live.broker.subscribe(world.workspace_id) as follower:
            for _ in range(6):
                for studio_id in ids:
                    await enter(database, world, studio_id, "STOPPED", "STARTING")
                    await anext(follower)
        with database.count_statements() as counted:
            frames = await watcher.frames(5)
        assert sorted(frame["studio"]["name"] for frame in frames) == [f"Studio {number}" for number in range(5)]
        assert len([text for text in counted.statements if "studio.status" in text]) == 1
        await enter(database, world, ids[0], "STARTING", "RUNNING")
        assert (await watcher.frame())["studio"] == {"name": "Studio 0", "status": "RUNNING"}


@pytest.mark.behaviour("B82")
async def test_a_star_moves_a_studio_in_the_lists_of_its_own_user_alone(live: Live, world: World) -> None:
    alpha = await factories.create_studio(live.database, world, "Alpha")
    other, _ = await factories.create_viewer(live.database, world.workspace_id, Role.VIEW)
    service = Studios(CommandRunner(live.database), TimePolicy(), SecretBox(SecretBox.new_key()), "installation", Wakeups(live.database))
    starred = {"starred": True}
    async with (
        watch(live, world.viewer, LIST, id=workspace_id(world), filter=starred) as mine,
        watch(live, other, LIST, id=workspace_id(world)) as theirs,
    ):
        assert [(await watcher.frame())["kind"] for watcher in (mine, theirs)] == ["StudioListSnapshot"] * 2
        await service.star(world.viewer, StudioActionRequest(alpha))
        assert (await mine.frame())["kind"] == "StudioEntered"
        await service.unstar(world.viewer, StudioActionRequest(alpha))
        await service.unstar(world.viewer, StudioActionRequest(alpha))
        assert (await mine.frame())["kind"] == "StudioLeft"
        await enter(live.database, world, alpha, "STOPPED", "STARTING")
        assert (await theirs.frame())["studio"] == {"name": "Alpha", "status": "STARTING"}


@pytest.mark.behaviour("B59")
async def test_who_is_removed_from_the_workspace_loses_the_list(live: Live, world: World) -> None:
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.VIEW)
    async with watch(live, viewer, LIST, id=workspace_id(world)) as watcher:
        await watcher.frame()
        await set_role(live.database, world.workspace_id, viewer.user_id, None)
        with pytest.raises(Refusal) as refusal:
            await watcher.frame()
    assert refusal.value.codes == ["FORBIDDEN"]


async def connect(database: Database, world: World, studio_id: str, user_id: str, name: str) -> str:
    """A tab, as the proxy writes it."""
    connection_id = new_id()
    proxy_id = new_id()
    async with database.write() as transaction:
        await transaction.execute(core.proxy_instance.insert().values(id=proxy_id, started_at=BEGAN, heartbeat_at=BEGAN))
        values = {"id": connection_id, "proxy_id": proxy_id, "studio_id": studio_id, "session_number": 1, "user_id": user_id}
        await transaction.execute(core.connection.insert().values(**values, connected_at=transaction.now, last_active_at=BEGAN))
    await log(database, world, studio_id, Kind.CONNECTED_USERS, user_id=user_id, user_name=name, change="joined")
    return connection_id


@pytest.mark.behaviour("B52")
async def test_connected_users_come_all_at_first_and_again_whenever_one_comes_or_goes(live: Live, world: World) -> None:
    database = live.database
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    other = await factories.create_member(database, world.workspace_id, user_id=await factories.create_user(database, "grace"))
    async with watch(live, world.viewer, USERS, id=encode("Studio", studio_id)) as watcher:
        assert (await watcher.frame())["connectedUsers"] == []
        await connect(database, world, studio_id, world.user_id, "ada")
        assert (await watcher.frame())["connectedUsers"] == [{"user": {"userName": "ada"}, "tabs": 1}]
        tab = await connect(database, world, studio_id, other, "grace")
        assert [user["user"]["userName"] for user in (await watcher.frame())["connectedUsers"]] == ["ada", "grace"]
        async with database.write() as transaction:
            await transaction.execute(update(core.connection).where(core.connection.c.id == tab).values(ended_at=transaction.now))
        await log(database, world, studio_id, Kind.CONNECTED_USERS, user_id=other, user_name="grace", change="left")
        assert [user["user"]["userName"] for user in (await watcher.frame())["connectedUsers"]] == ["ada"]


async def test_connected_users_end_with_the_studio(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    async with watch(live, world.viewer, USERS, id=encode("Studio", studio_id)) as watcher:
        await watcher.frame()
        await remove(live.database, world, studio_id)
        assert (await watcher.frame())["connectedUsers"] == []
        assert await watcher.ends()


async def advance(database: Database, world: World, studio_id: str, operation_id: str, **values: object) -> None:
    """A step of an operation, as the controller writes it."""
    operation = core.operation
    async with database.write() as transaction:
        where = operation.c.id == operation_id
        await transaction.execute(update(operation).where(where).values(version=operation.c.version + 1, **values))
    await log(database, world, studio_id, Kind.OPERATION, operation_id=operation_id)


def step(state: str) -> dict[str, object]:
    return {"name": "Start", "state": state, "message": None, "started_at": None, "ended_at": None}


@pytest.mark.behaviour("B84")
async def test_progress_comes_step_by_step_until_the_operation_has_ended(live: Live, world: World) -> None:
    database = live.database
    studio_id = await factories.create_studio(database, world)
    operation_id = await factories.create_operation(database, world, studio_id, steps=[step("PENDING")])
    async with watch(live, world.viewer, PROGRESS, id=encode("Operation", operation_id)) as watcher:
        assert await watcher.frame() == {"state": "RUNNING", "steps": [{"name": "Start", "state": "PENDING"}], "error": None}
        await log(database, world, studio_id, Kind.OPERATION, operation_id="0" * 32)
        await advance(database, world, studio_id, operation_id, steps=[step("IN_PROGRESS")])
        assert (await watcher.frame())["steps"] == [{"name": "Start", "state": "IN_PROGRESS"}]
        await advance(database, world, studio_id, operation_id, steps=[step("ERRORED")], state="FAILED", error="No.", ended_at=BEGAN)
        assert await watcher.frame() == {"state": "FAILED", "steps": [{"name": "Start", "state": "ERRORED"}], "error": "No."}
        assert await watcher.ends()


@pytest.mark.behaviour("B84")
async def test_the_progress_of_an_operation_that_has_ended_is_its_record(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    operation_id = await factories.create_operation(live.database, world, studio_id, state="SUCCEEDED", ended_at=BEGAN)
    async with watch(live, world.viewer, PROGRESS, id=encode("Operation", operation_id)) as watcher:
        assert (await watcher.frame())["state"] == "SUCCEEDED"
        assert await watcher.ends()


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize(("query", "kind"), [(LIST, "Workspace"), (USERS, "Studio"), (PROGRESS, "Operation")])
async def test_a_stranger_cannot_tell_hidden_from_absent(live: Live, world: World, query: str, kind: str) -> None:
    studio_id = await factories.create_studio(live.database, world)
    operation_id = await factories.create_operation(live.database, world, studio_id)
    there = {"Workspace": world.workspace_id, "Studio": studio_id, "Operation": operation_id}[kind]
    stranger, _ = await factories.create_token(live.database, await factories.create_user(live.database))
    answers = []
    for row_id in (there, "0" * 32):
        async with watch(live, stranger, query, id=encode(kind, row_id)) as watcher:
            with pytest.raises(Refusal) as refusal:
                await watcher.frame()
        answers.append((refusal.value.codes, refusal.value.messages))
    assert answers[0] == answers[1]
    assert answers[0][0] == ["NOT_FOUND"]


async def test_nothing_is_kept_when_all_streams_are_closed(database: Database, world: World) -> None:
    async with running(database, StreamSettings()) as live:
        before = live.broker.streams
        async with (
            watch(live, world.viewer, LIST, id=workspace_id(world)) as one,
            watch(live, world.viewer, LIST, id=workspace_id(world)) as two,
        ):
            await one.frame()
            await two.frame()
            assert world.workspace_id in live.broker.streams
        async with live.broker.subscribe(world.workspace_id) as again:
            await create(database, world)
            await anext(again)
        assert live.broker.streams - {"installation"} == before - {"installation"}
