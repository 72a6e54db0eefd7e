"""Connections: every row once and in order, whatever comes and goes meanwhile (docs/architecture.md#contract-habits)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from schema.ids import encode
from services.domain.names import name_key
from services.domain.statuses import StudioStatus
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import BEGAN, World
from tests.read.asking import Asker, Reply

ORDERS = ["NAME", "STATUS", "CREATED", "LAST_STARTED", "STATUS_SINCE"]
PAGE = """
query ($order: StudioOrder, $first: Int, $after: Cursor, $filter: StudioFilter) { workspace(by: { slug: "lab" }) {
  studios(orderBy: $order, first: $first, after: $after, filter: $filter) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id name } } } } }
"""


async def page(asker: Asker, world: World, **variables: Any) -> Any:
    return (await asker.data(world.viewer, PAGE, **variables))["workspace"]["studios"]


async def walk(asker: Asker, world: World, between: Any = None, **variables: Any) -> list[str]:
    """The names on all pages, in order; `between` is awaited after each page."""
    names: list[str] = []
    after = None
    while True:
        reply = await page(asker, world, after=after, **variables)
        names += [edge["node"]["name"] for edge in reply["edges"]]
        if between:
            await between()
        if not reply["pageInfo"]["hasNextPage"]:
            return names
        after = reply["pageInfo"]["endCursor"]


async def add(database: Database, world: World, names: list[str]) -> None:
    for index, name in enumerate(names):
        await factories.create_studio(
            database,
            world,
            name,
            status=list(StudioStatus)[index % 3],
            created_at=BEGAN + timedelta(minutes=index % 4),
            status_since=BEGAN + timedelta(seconds=index % 5),
            last_started_at=None if index % 3 else BEGAN + timedelta(days=index % 2),
        )


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ORDERS)
async def test_walking_all_pages_gives_every_row_once_whatever_the_order(
    database: Database, world: World, asker: Asker, field: str, direction: str
) -> None:
    await add(database, world, [f"s{n:02}" for n in range(11)])
    order = {"field": field, "direction": direction}
    whole = await walk(asker, world, order=order, first=100)
    assert await walk(asker, world, order=order, first=3) == whole
    assert sorted(whole) == [f"s{n:02}" for n in range(11)]


async def test_descending_is_ascending_backwards(database: Database, world: World, asker: Asker) -> None:
    await add(database, world, [f"s{n}" for n in range(7)])
    for field in ORDERS:
        up = await walk(asker, world, order={"field": field, "direction": "ASC"}, first=2)
        assert await walk(asker, world, order={"field": field, "direction": "DESC"}, first=2) == up[::-1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(1, 4), begin=st.lists(st.text("abcXYZ é", min_size=1, max_size=4), min_size=1, max_size=6), data=st.data())
async def test_rows_that_come_meanwhile_shift_nothing(sqlite_database: Database, first: int, begin: list[str], data: st.DataObject) -> None:
    async with sqlite_database.write() as transaction:
        await transaction.execute(delete(core.studio))
    world = await _world_once(sqlite_database)
    asker = Asker(sqlite_database)
    present = {name_key(f"{name}.") for name in begin}
    await add(sqlite_database, world, sorted(present))

    async def one_comes() -> None:
        name = f"{data.draw(st.text('abcXYZ é', min_size=1, max_size=4))}+{data.draw(st.integers(0, 10**9))}"
        if data.draw(st.booleans()):
            await factories.create_studio(sqlite_database, world, name)

    seen = await walk(asker, world, one_comes, first=first)
    keys = [name_key(name) for name in seen]
    assert keys == sorted(keys), "in order"
    assert len(set(keys)) == len(keys), "none twice"
    assert present <= set(keys), "none of those that were there from the beginning is missing"


_worlds: dict[int, World] = {}


async def _world_once(database: Database) -> World:
    if id(database) not in _worlds:
        _worlds[id(database)] = await factories.create_world(database)
    return _worlds[id(database)]


async def test_a_page_says_whether_there_is_more_and_how_many_there_are(database: Database, world: World, asker: Asker) -> None:
    await add(database, world, ["a", "b", "c"])
    begin = await page(asker, world, first=2)
    assert begin["totalCount"] == 3
    assert (begin["pageInfo"]["hasNextPage"], begin["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert begin["pageInfo"]["endCursor"] == begin["edges"][1]["cursor"]
    end = await page(asker, world, first=2, after=begin["pageInfo"]["endCursor"])
    assert [edge["node"]["name"] for edge in end["edges"]] == ["c"]
    assert (end["pageInfo"]["hasNextPage"], end["pageInfo"]["hasPreviousPage"]) == (False, True)


async def test_a_list_without_rows_is_an_empty_page(world: World, asker: Asker) -> None:
    empty = await page(asker, world)
    assert empty["edges"] == []
    assert empty["totalCount"] == 0
    assert empty["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}


async def test_names_are_sorted_without_regard_to_case(database: Database, world: World, asker: Asker) -> None:
    await add(database, world, ["beta", "Alpha", "gamma", "Épsilon"])
    assert await walk(asker, world, first=1) == ["Alpha", "beta", "gamma", "Épsilon"]


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_a_page_has_one_to_a_hundred_rows(world: World, asker: Asker, first: int) -> None:
    reply = await asker.ask(world.viewer, PAGE, first=first)
    assert reply.error == {"code": "OUT_OF_RANGE", "argument": "first"}
    assert reply.data == {"workspace": {"studios": None}}


BAD = ["x", "=", "é", "a" * 5000, "WzFd", "eyJ4IjoxfQ", "W10", "WyJrMSIsInN0dWRpb3MgTkFNRSBhc2MiLDEsIngiXQ", "[[[[", "\x00"]


@pytest.mark.parametrize("cursor", BAD)
async def test_text_that_is_no_cursor_is_named_as_such(world: World, asker: Asker, cursor: str) -> None:
    reply = await asker.ask(world.viewer, PAGE, after=cursor)
    assert reply.error == {"code": "BAD_CURSOR", "argument": "after"}


async def test_a_cursor_of_one_order_is_refused_in_another(database: Database, world: World, asker: Asker) -> None:
    await add(database, world, ["a", "b"])
    cursor = (await page(asker, world, first=1))["pageInfo"]["endCursor"]
    reply = await asker.ask(world.viewer, PAGE, after=cursor, order={"field": "CREATED"})
    assert reply.error["code"] == "BAD_CURSOR"


def names(reply: Reply, *path: str) -> list[str]:
    value = reply.data
    for step in path:
        value = value[step]
    return [node["name"] for node in value["nodes"]]


async def test_nested_lists_have_a_page_of_their_own_for_each_parent(database: Database, world: World, asker: Asker) -> None:
    for name in ("a", "b"):
        studio_id = await factories.create_studio(database, world, name)
        for number in range(1, 5):
            await factories.create_checkpoint(database, world, studio_id, f"{name}_{number}", number=number)
    query = """query ($after: Cursor) { workspace(by: { slug: "lab" }) { studios { nodes { name checkpoints(first: 2, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes { name } } } } } }"""
    begin = (await asker.data(world.viewer, query))["workspace"]["studios"]["nodes"]
    assert [[c["name"] for c in studio["checkpoints"]["nodes"]] for studio in begin] == [["a_4", "a_3"], ["b_4", "b_3"]]
    assert [studio["checkpoints"]["totalCount"] for studio in begin] == [4, 4]
    after = begin[0]["checkpoints"]["pageInfo"]["endCursor"]
    end = (await asker.data(world.viewer, query, after=after))["workspace"]["studios"]["nodes"]
    assert [[c["name"] for c in studio["checkpoints"]["nodes"]] for studio in end] == [["a_2", "a_1"], ["b_2", "b_1"]]
    assert not end[0]["checkpoints"]["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    ("given_filter", "expected"),
    [
        ({"statuses": ["RUNNING"]}, ["Blue ONE"]),
        ({"statuses": []}, []),
        ({"statuses": ["RUNNING", "STOPPED"], "nameContains": "blue"}, ["Blue ONE", "blue_two"]),
        ({"nameContains": "E_T"}, ["blue_two"]),
        ({"nameContains": "%"}, []),
        ({"starred": True}, ["Blue ONE"]),
        ({"starred": False}, ["blue_two", "other"]),
        ({"connected": True}, ["Blue ONE"]),
        ({"connected": False, "starred": False, "nameContains": "o"}, ["blue_two", "other"]),
    ],
)
async def test_a_filter_selects_and_counts_alike(
    database: Database, world: World, asker: Asker, given_filter: dict[str, Any], expected: list[str]
) -> None:
    studio_id = await factories.create_studio(database, world, "Blue ONE", status="RUNNING", session_number=1)
    await factories.create_studio(database, world, "blue_two")
    await factories.create_studio(database, world, "other", status="ERRORED")
    await factories.create_star(database, world, studio_id)
    await factories.create_connection(database, world, studio_id)
    reply = await page(asker, world, filter=given_filter)
    assert [edge["node"]["name"] for edge in reply["edges"]] == expected
    assert reply["totalCount"] == len(expected)


async def test_a_filter_by_owner_template_and_environment(database: Database, world: World, asker: Asker) -> None:
    other = await factories.create_member(database, world.workspace_id)
    template_id = await factories.create_template(database, world.workspace_id, "Second")
    await factories.create_studio(database, world, "a")
    await factories.create_studio(database, world, "b", owner_id=other, template_id=template_id, compute_environment_id=None)

    async def names_of(**given_filter: Any) -> list[str]:
        return [edge["node"]["name"] for edge in (await page(asker, world, filter=given_filter))["edges"]]

    assert await names_of(owners=[encode("User", other)]) == ["b"]
    assert await names_of(templates=[encode("Template", world.template_id)]) == ["a"]
    assert await names_of(computeEnvironments=[encode("ComputeEnvironment", world.compute_environment_id)]) == ["a"]
    assert await names_of(owners=[encode("User", other), encode("User", world.user_id)]) == ["a", "b"]


async def test_an_id_of_the_wrong_kind_in_a_filter_is_named(world: World, asker: Asker) -> None:
    reply = await asker.ask(world.viewer, PAGE, filter={"owners": [encode("Template", world.template_id)]})
    assert reply.error == {"code": "BAD_ID", "argument": "filter"}
    assert "filter.owners" in json.dumps(reply.errors)


async def test_studios_are_counted_by_status_zeros_included(database: Database, world: World, asker: Asker) -> None:
    for status in ("RUNNING", "RUNNING", "ERRORED"):
        await factories.create_studio(database, world, status=status)
    data = await asker.data(world.viewer, '{ workspace(by: { slug: "lab" }) { studioCounts { status count } } }')
    counts = {row["status"]: row["count"] for row in data["workspace"]["studioCounts"]}
    assert counts == dict.fromkeys(StudioStatus, 0) | {"RUNNING": 2, "ERRORED": 1}
