"""The commands on Studios, on a fresh world of each database."""

from typing import Any

import pytest

from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner
from services.domain.time_policy import TimePolicy
from services.secrets.secret_box import SecretBox
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios.studios import Studios
from tests import factories
from tests.factories import World


@pytest.fixture
async def world(database: Database) -> World:
    return await factories.create_world(database)


@pytest.fixture
def box() -> SecretBox:
    return SecretBox(SecretBox.new_key())


@pytest.fixture
def studios(database: Database, box: SecretBox) -> Studios:
    return Studios(CommandRunner(database, b"key"), TimePolicy(), box, "installation", Wakeups(database))


@pytest.fixture
def checkpoints(database: Database) -> Checkpoints:
    return Checkpoints(CommandRunner(database, b"key"), TimePolicy())


async def studio_row(database: Database, studio_id: str) -> dict[str, Any]:
    async with database.read() as reader:
        row = (await reader.execute(core.studio.select().where(core.studio.c.id == studio_id))).mappings().one()
        return dict(row)


async def set_status(database: Database, studio_id: str, status: str) -> None:
    """As if the controller had got this far."""
    async with database.write() as transaction:
        await transaction.execute(core.studio.update().where(core.studio.c.id == studio_id).values(status=status))


async def kinds(database: Database, studio_id: str) -> list[str]:
    """The kinds of what was logged about a Studio, in order."""
    event = core.event.c
    async with database.read() as reader:
        rows = await reader.execute(core.event.select().where(event.studio_id == studio_id).order_by(event.seq))
        return [row.kind for row in rows]
