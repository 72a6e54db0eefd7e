"""The number of SQL statements of an operation does not grow with the data (docs/architecture.md#speed)."""

import pytest

from schema.ids import encode
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker
from tests.read.checkpoint_documents import CHECKPOINTS

EVERYTHING = """
query ($first: Int!) { workspace(by: { slug: "lab" }) {
  studios(first: $first, orderBy: { field: LAST_STARTED, direction: DESC }) { totalCount edges { cursor node {
    id description isStarred url availableActions { action allowed }
    owner { userName } workspace { name organization { name } } template { name } progress { name state }
    computeEnvironment { name inUse { sessions } }
    configuration { cpu condaEnvironment environment { key value } }
    connectedUsers { tabs user { userName } }
    latestCheckpoint { name parent { name } } parentCheckpoint { name }
    checkpoints(first: 2) { totalCount nodes { name author { userName } parent { name } studio { name } } }
    sessions(first: 2) { totalCount nodes { number startedBy { userName } configuration { cpu } checkpoint { name } template { name } } }
  } } } } }
"""


async def add_studios(database: Database, world: World, count: int) -> None:
    for index in range(count):
        operation_id = await factories.create_operation(database, world, "0" * 32)
        studio_id = await factories.create_studio(
            database, world, status="RUNNING", session_number=1, operation_id=operation_id, description=f"number {index}"
        )
        for number in (1, 2, 3):
            await factories.create_session(database, world, studio_id, number=number)
            await factories.create_checkpoint(database, world, studio_id, number=number)


async def test_a_list_with_every_relation_takes_as_many_statements_for_a_hundred_studios_as_for_two(
    database: Database, world: World, asker: Asker
) -> None:
    counts = []
    for more in (2, 8, 90):
        await add_studios(database, world, more)
        counts.append(await asker.statements(world.viewer, EVERYTHING, first=100))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 22, counts


@pytest.mark.behaviour("B32", "B35", "B36")
async def test_checkpoints_with_all_that_is_known_of_them_take_as_many_statements_for_200_as_for_two(
    database: Database, world: World, asker: Asker
) -> None:
    studio_id = await factories.create_studio(database, world)
    counts = []
    saved = 0
    for total in (2, 200):
        for number in range(saved + 1, total + 1):
            await factories.create_checkpoint(database, world, studio_id, f"analysis_{number}", number=number)
        saved = total
        counts.append(await asker.statements(world.viewer, CHECKPOINTS, id=encode("Studio", studio_id)))
    assert counts[0] == counts[1] <= 10, counts


async def test_each_relation_that_is_asked_for_is_one_statement(database: Database, world: World, asker: Asker) -> None:
    await add_studios(database, world, 3)
    base = await asker.statements(world.viewer, '{ workspace(by: { slug: "lab" }) { studios { nodes { id name status } } } }')
    relations = ["owner { userName }", "template { name }", "checkpoints { nodes { id } }", "description", "connectedUsers { tabs }"]
    for relation in relations:
        query = f'{{ workspace(by: {{ slug: "lab" }}) {{ studios {{ nodes {{ id {relation} }} }} }} }}'
        assert await asker.statements(world.viewer, query) == base + 1, relation


async def test_fields_that_share_their_columns_share_their_statement(database: Database, world: World, asker: Asker) -> None:
    await add_studios(database, world, 2)
    one = '{ workspace(by: { slug: "lab" }) { studios { nodes { description } } } }'
    all_of_them = (
        '{ workspace(by: { slug: "lab" }) { studios { nodes { description configuration { condaEnvironment environment { key } } } } } }'
    )
    assert await asker.statements(world.viewer, all_of_them) == await asker.statements(world.viewer, one)


async def test_what_a_row_carries_is_not_read_twice(database: Database, world: World, asker: Asker) -> None:
    studio_id = await factories.create_studio(database, world)
    known = await asker.data(world.viewer, '{ workspace(by: { slug: "lab" }) { studios { nodes { id } } } }')
    query = (
        "query ($id: ID!) { studio(id: $id) { id name status isStarred url expiresAt availableActions { action } configuration { cpu } } }"
    )
    assert studio_id
    assert await asker.statements(world.viewer, query, id=known["workspace"]["studios"]["nodes"][0]["id"]) == 1


@pytest.mark.parametrize("count", [1, 10])
async def test_the_same_field_asked_under_many_names_is_one_statement(database: Database, world: World, asker: Asker, count: int) -> None:
    ids = [encode("Studio", await factories.create_studio(database, world)) for _ in range(count)]
    query = "{" + " ".join(f's{n}: studio(id: "{text}") {{ name }}' for n, text in enumerate(ids)) + "}"
    assert await asker.statements(world.viewer, query) == 1
