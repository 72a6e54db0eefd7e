"""The attempts of Studios are read in a number of statements that does not grow with them, the newest first (B75)."""

from datetime import timedelta

import pytest

from schema.ids import encode
from services.store.db.database import Database
from services.store.reads.migration_attempts import MAX_ATTEMPTS
from tests import factories
from tests.factories import BEGAN, World
from tests.read.asking import Asker

pytestmark = pytest.mark.behaviour("B75")
LIST = """{ workspace(by: { slug: "lab" }) { studios(first: 100) { nodes { migrationAttempts {
  state studioName original { name } studio { name } checkpoint { name } fromTemplate { name } toTemplate { name } actor { name }
  issues { kind subject message commands } } } } } }"""
ONE = "query($id: ID!) { studio(id: $id) { migrationAttempts { studioName } } }"


async def add(database: Database, world: World, studios: int, attempts: int) -> None:
    for _ in range(studios):
        original = await factories.create_studio(database, world)
        for _ in range(attempts):
            await factories.create_migration_attempt(database, world, original, await factories.create_studio(database, world))


async def test_many_attempts_of_many_studios_take_as_many_statements_as_few(database: Database, world: World, asker: Asker) -> None:
    counts = []
    for studios, attempts in ((1, 1), (4, 10)):
        await add(database, world, studios, attempts)
        counts.append(await asker.statements(world.viewer, LIST))
    assert counts[0] == counts[1] <= 6, counts


async def test_the_newest_attempts_come_first_and_their_number_is_bounded(database: Database, world: World, asker: Asker) -> None:
    original = await factories.create_studio(database, world)
    for number in range(MAX_ATTEMPTS + 5):
        at = BEGAN + timedelta(minutes=number)
        await factories.create_migration_attempt(database, world, original, f"{number:032}", studio_name=f"{number}", created_at=at)
    shown = (await asker.data(world.viewer, ONE, id=encode("Studio", original)))["studio"]["migrationAttempts"]
    assert [int(attempt["studioName"]) for attempt in shown] == list(range(MAX_ATTEMPTS + 4, 4, -1))
