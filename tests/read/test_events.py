"""The event log as a list, and the cursor between a query and a stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from schema.ids import encode
from services.domain.actor import Actor
from services.domain.events import Cursor, Kind, NewEvent
from services.domain.ids import new_id
from services.store import log, outbox
from services.store.db.database import Database, Reader
from tests import factories
from tests.factories import World
from tests.read.asking import Asker

FIELDS = """totalCount pageInfo { hasNextPage endCursor } nodes { __typename cursor actor { name cause user { userName } }
  ... on StudioEvent { studioName studio { name } }
  ... on StudioStatusEvent { previousStatus status }
  ... on MemberEvent { role user { userName } } }"""
OF_WORKSPACE = f"""query ($first: Int, $after: Cursor, $direction: OrderDirection! = DESC) {{ workspace(by: {{ slug: "lab" }}) {{
  eventCursor events(first: $first, after: $after, direction: $direction) {{ {FIELDS} }} }} }}"""


async def append(database: Database, world: World, *events: NewEvent) -> None:
    async with database.write() as transaction:
        await outbox.append(transaction, world.workspace_id, list(events))


def status(world: World, studio_id: str, previous: str, new: str, name: str = "s") -> NewEvent:
    payload = {"previous_status": previous, "status": new, "status_message": None, "stop_reason": None, "session_number": 1}
    return NewEvent(Kind.STUDIO_STATUS, Actor.user(world.user_id, "ada"), payload, studio_id, name)


@pytest.fixture
async def studio_id(database: Database, world: World) -> str:
    """A Studio that was started, while a member came and another Studio went."""
    studio_id = await factories.create_studio(database, world, "now")
    member = NewEvent(Kind.MEMBER_CHANGED, Actor.system("operator"), {"user_id": world.user_id, "role": "OWNER"}, user_id=world.user_id)
    deleted = NewEvent(Kind.STUDIO_DELETED, Actor.system("lifespan"), {}, new_id(), "gone")
    quiet = NewEvent(Kind.OPERATION, Actor.system("progress"), {"operation_id": new_id()}, studio_id, "then")
    started = [status(world, studio_id, "STOPPED", "STARTING", "then"), quiet, status(world, studio_id, "STARTING", "RUNNING", "then")]
    await append(database, world, member, deleted, *started)
    return studio_id


async def events(asker: Asker, world: World, **variables: Any) -> Any:
    return (await asker.data(world.viewer, OF_WORKSPACE, **variables))["workspace"]["events"]


@pytest.mark.behaviour("B86")
async def test_the_log_shows_who_did_what_the_newest_first(world: World, asker: Asker, studio_id: str) -> None:
    seen = await events(asker, world)
    assert seen["totalCount"] == 4
    then: dict[str, Any] = {"__typename": "StudioStatusEvent", "studioName": "then", "studio": {"name": "now"}}
    gone: dict[str, Any] = {"__typename": "StudioDeletedEvent", "studioName": "gone", "studio": None}
    member: dict[str, Any] = {"__typename": "MemberEvent", "role": "OWNER", "user": {"userName": "ada"}}
    ada = {"name": "ada", "cause": None, "user": {"userName": "ada"}}
    assert [{k: v for k, v in node.items() if k != "cursor"} for node in seen["nodes"]] == [
        {"actor": ada, "previousStatus": "STARTING", "status": "RUNNING", **then},
        {"actor": ada, "previousStatus": "STOPPED", "status": "STARTING", **then},
        {"actor": {"name": None, "cause": "lifespan", "user": None}, **gone},
        {"actor": {"name": None, "cause": "operator", "user": None}, **member},
    ]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_walking_the_log_gives_every_event_once(world: World, asker: Asker, studio_id: str, direction: str) -> None:
    whole = [node["cursor"] for node in (await events(asker, world, first=100, direction=direction))["nodes"]]
    walked: list[str] = []
    after = None
    while True:
        page = await events(asker, world, first=1, after=after, direction=direction)
        walked += [node["cursor"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert walked == whole
    assert [Cursor.decode(text).seq for text in walked] == sorted((Cursor.decode(text).seq for text in walked), reverse=direction == "DESC")


async def test_a_studio_shows_its_own_events(database: Database, world: World, asker: Asker, studio_id: str) -> None:
    await factories.create_studio(database, world, "other")
    query = f'{{ workspace(by: {{ slug: "lab" }}) {{ studios {{ nodes {{ name events(first: 1) {{ {FIELDS} }} }} }} }} }}'
    seen = (await asker.data(world.viewer, query))["workspace"]["studios"]["nodes"]
    assert [(s["name"], s["events"]["totalCount"], len(s["events"]["nodes"])) for s in seen] == [("now", 2, 1), ("other", 0, 0)]


async def test_events_of_many_studios_are_one_statement(database: Database, world: World, asker: Asker, studio_id: str) -> None:
    query = '{ workspace(by: { slug: "lab" }) { studios { nodes { events { nodes { cursor } } } } } }'
    one = await asker.statements(world.viewer, query)
    for name in range(5):
        other = await factories.create_studio(database, world, f"s{name}")
        await append(database, world, status(world, other, "STOPPED", "STARTING"))
    assert await asker.statements(world.viewer, query) == one


async def test_a_cursor_of_another_log_is_refused(database: Database, world: World, asker: Asker, studio_id: str) -> None:
    elsewhere = await factories.create_workspace(database, "elsewhere")
    async with database.read() as reader:
        other = (await log.state(reader, elsewhere)).cursor
        mine = (await log.state(reader, world.workspace_id)).cursor
    for cursor in (other.encode(), Cursor(mine.stream_id, "0ld", 1).encode(), "nonsense"):
        reply = await asker.ask(world.viewer, OF_WORKSPACE, after=cursor)
        assert reply.error == {"code": "BAD_CURSOR", "argument": "after"}
        assert reply.data["workspace"]["events"] is None


@pytest.mark.behaviour("B83")
async def test_the_event_cursor_is_not_newer_than_what_is_read_with_it(
    database: Database, world: World, asker: Asker, studio_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something happens between the statements of one operation: a stream after the cursor must tell of it."""
    query = "query ($id: ID!) { studio(id: $id) { status workspace { eventCursor } } }"
    before = (await asker.data(world.viewer, OF_WORKSPACE))["workspace"]["eventCursor"]
    read, reads = database.read, 0

    @asynccontextmanager
    async def reading() -> AsyncIterator[Reader]:
        nonlocal reads
        reads += 1
        if reads == 2:
            await append(database, world, status(world, studio_id, "RUNNING", "STOPPING"))
        async with read() as reader:
            yield reader

    monkeypatch.setattr(database, "read", reading)
    seen = (await asker.data(world.viewer, query, id=encode("Studio", studio_id)))["studio"]
    assert reads == 2, "the Studio, then its workspace"
    assert seen["workspace"]["eventCursor"] == before
