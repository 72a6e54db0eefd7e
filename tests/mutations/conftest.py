"""The API on a fresh world of each database. Nothing starts sessions here: commands write intent, and that is what is looked at."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from resolvers.context import make_context
from schema.execution import Executor
from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner
from services.connections.addresses import Addresses
from services.connections.connect_codes import ConnectCodes
from services.domain.time_policy import TimePolicy
from services.identity.members import Members
from services.identity.tokens import Tokens
from services.secrets.secret_box import SecretBox
from services.services import Services
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.studios.studios import Studios
from services.templates.management import TemplateManagement
from services.workspaces.commands import WorkspaceCommands
from tests import factories
from tests.factories import World
from tests.mutations.api import Api
from tests.mutations.mutation_fields import CORE
from tests.mutations.recipes import ReleasedRecipes


@pytest.fixture
async def world(database: Database) -> World:
    return await factories.create_world(database)


@pytest.fixture
def recipes() -> ReleasedRecipes:
    return ReleasedRecipes()


@pytest.fixture
def services(database: Database, recipes: ReleasedRecipes) -> Services:
    """Those that mutations call."""
    runner = CommandRunner(database, b"key")
    addresses = Addresses("http://localhost:8000", "localhost:8000")
    some: Any = SimpleNamespace(
        database=database,
        runner=runner,
        tokens=Tokens(database, runner),
        members=Members(database, runner),
        studios=Studios(runner, TimePolicy(), SecretBox(SecretBox.new_key()), "installation", Wakeups(database)),
        checkpoints=Checkpoints(runner, TimePolicy()),
        templates=TemplateManagement(runner, recipes),
        workspaces=WorkspaceCommands(runner, TimePolicy()),
        addresses=addresses,
        policy=TimePolicy(),
        connect_codes=ConnectCodes(database, addresses),
    )
    return cast("Services", some)


@pytest.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    executor = Executor(CORE, lambda viewer: make_context(services, viewer))
    yield Api(executor, CORE)
    await executor.close()
