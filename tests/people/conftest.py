"""The services of identity, on a fresh database where several users are allowed: no compute environment of the kind `process` runs."""

from collections.abc import AsyncIterator

import pytest

from services.commands import CommandRunner
from services.identity.members import Members
from services.identity.people import People
from services.identity.tokens import Tokens
from services.store.db.database import Database
from tests import factories
from tests.factories import World


@pytest.fixture
async def world(database: Database) -> World:
    world = await factories.create_world(database)
    await factories.allow_many_users(database)
    return world


@pytest.fixture
def runner(database: Database) -> CommandRunner:
    return CommandRunner(database, b"key")


@pytest.fixture
async def tokens(database: Database, runner: CommandRunner) -> AsyncIterator[Tokens]:
    tokens = Tokens(database, runner)
    yield tokens
    await tokens.close()


@pytest.fixture
def members(database: Database, runner: CommandRunner) -> Members:
    return Members(database, runner)


@pytest.fixture
def people(database: Database) -> People:
    return People(CommandRunner(database))
