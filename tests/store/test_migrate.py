"""The schema's history: there and back, with data, on both databases; and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from services.store import migrate, migrations
from services.store.db.database import Database
from services.store.migrate import NewerDatabase, OutdatedDatabase
from services.store.tables import core, metadata
from tests import factories


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that was never migrated, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("empty_postgresql_url")
    return url


async def _look(url: str, look: Callable[[Connection], Any]) -> Any:
    database = Database(url)
    async with database.engine.begin() as connection:
        answer = await connection.run_sync(look)
    await database.close()
    return answer


async def test_the_migrated_schema_is_the_tables(database_url: str) -> None:
    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert await _look(database_url, differences) == []


async def test_sort_keys_are_compared_bytewise(database: Database) -> None:
    for name_key in ("b", "a", "é", "Z", "_"):
        await factories.create_workspace(database, name_key=name_key)
    async with database.read() as reader:
        keys = (await reader.execute(select(core.workspace.c.name_key).order_by(core.workspace.c.name_key))).scalars()
    assert list(keys) == ["Z", "_", "a", "b", "é"]


async def test_upgrade_and_downgrade_with_data_leave_nothing_behind(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    database = Database(empty_url)
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    await factories.create_session(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id)
    await database.close()

    await migrate.upgrade(empty_url)
    assert await _look(empty_url, lambda connection: connection.execute(text("SELECT count(*) FROM studio")).scalar()) == 1
    await migrate.downgrade(empty_url, "base")
    assert await _look(empty_url, lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]
    assert await migrate.current(empty_url) is None

    await migrate.upgrade(empty_url)
    assert await migrate.current(empty_url) == migrations.HEAD


@pytest.mark.behaviour("B18")
async def test_sessions_that_began_before_there_were_quotas_count(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    database = Database(empty_url)
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    configuration = {"cpu": 1.5, "memory_mib": 4096, "gpu": 1, "lifespan_hours": 8, "environment": []}
    await factories.create_session(database, world, studio_id, configuration=configuration)
    await database.close()
    await migrate.downgrade(empty_url, "0013")
    await migrate.upgrade(empty_url)
    held = select(core.session.c.cpu, core.session.c.memory_mib, core.session.c.gpu)
    assert await _look(empty_url, lambda connection: connection.execute(held).one()) == (1.5, 4096, 1)


async def test_stored_statuses_of_templates_become_marks(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    database = Database(empty_url)
    world = await factories.create_world(database)
    for name in ("DEPRECATED", "EXPERIMENTAL", "UNSUPPORTED"):
        await factories.create_template(database, world.workspace_id, name)
    await factories.create_studio(database, world)
    await database.close()
    await migrate.downgrade(empty_url, "0014")
    await _look(empty_url, lambda connection: connection.execute(text("UPDATE template SET status = name WHERE name <> 'Tiny'")))

    await migrate.upgrade(empty_url)
    marked = text("SELECT name FROM template WHERE experimental = true ORDER BY name")
    assert await _look(empty_url, lambda connection: connection.execute(marked).scalars().all()) == ["EXPERIMENTAL", "UNSUPPORTED"]
    assert await _look(empty_url, lambda connection: connection.execute(text("SELECT count(*) FROM studio")).scalar()) == 1


async def test_a_database_that_was_never_migrated_is_refused_with_what_to_do(empty_url: str) -> None:
    assert await migrate.current(empty_url) is None
    with pytest.raises(OutdatedDatabase, match="Run `studiograph migrate`"):
        await migrate.check_current(empty_url)


async def test_a_database_newer_than_the_code_is_refused_and_left_alone(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    await _look(empty_url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    for refused in (migrate.check_current(empty_url), migrate.upgrade(empty_url), migrate.downgrade(empty_url, "base")):
        with pytest.raises(NewerDatabase, match="a newer Studiograph has migrated it"):
            await refused
    assert await migrate.current(empty_url) == "9999"


async def test_an_interrupted_migration_leaves_the_database_as_it_was(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def upgrade_then_fail(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise OSError("the disk is full")

    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", upgrade_then_fail)
    with pytest.raises(OSError, match="the disk is full"):
        await migrate.upgrade(empty_url)
    assert await _look(empty_url, lambda connection: inspect(connection).get_table_names()) == []


def test_head_names_the_newest_migration() -> None:
    assert ScriptDirectory(str(migrate.LOCATION)).get_current_head() == migrations.HEAD
