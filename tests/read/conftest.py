"""Somebody to ask."""

import pytest

from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker


@pytest.fixture
def asker(database: Database) -> Asker:
    return Asker(database)


@pytest.fixture
async def world(database: Database) -> World:
    return await factories.create_world(database)
