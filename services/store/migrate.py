"""Migrates a database to the schema that this code needs, or raises an error that says what to do.

A database that is up to date costs one small read. Alembic is imported only when there is something to do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.db.database import Database
from services.store.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

LOCATION = Path(__file__).parent / "migrations"
LOCK = 7_305_164_001
"""PostgreSQL's advisory lock while migrating: of several processes that start together one migrates, the others wait."""


class SchemaError(Exception):
    """The database's schema is not the one that this code needs; the text says what to do."""


class NewerDatabase(SchemaError):
    """A newer Studiograph has migrated the database: this one must not change it."""


class OutdatedDatabase(SchemaError):
    """The database lacks migrations."""


class NoDatabase(SchemaError):
    """The database server does not answer, or the file cannot be opened."""


async def current(url: str) -> str | None:
    """Returns the database's revision; None if it was never migrated."""
    async with _opened(url) as connection:
        return await connection.run_sync(_revision)


async def check_current(url: str) -> None:
    """Raises NewerDatabase or OutdatedDatabase unless the database is at the revision that this code needs."""
    revision = await current(url)
    _refuse_newer(revision)
    if revision != HEAD:
        raise OutdatedDatabase(f"The database is at revision {revision or 'none'}; this version needs {HEAD}. Run `studiograph migrate`.")


async def upgrade(url: str) -> None:
    """Migrates to the revision that this code needs. Raises NewerDatabase."""
    if await current(url) != HEAD:
        await _change(url, _upgrade)


async def downgrade(url: str, revision: str) -> None:
    """Migrates back to `revision` (`base`: no tables). Deletes the data of later revisions. Raises NewerDatabase."""

    def run(connection: Connection, config: "Config") -> None:
        from alembic import command

        command.downgrade(config, revision)

    await _change(url, run)


def _upgrade(connection: Connection, config: "Config") -> None:
    from alembic import command

    command.upgrade(config, "head")


async def _change(url: str, change: Callable[[Connection, "Config"], None]) -> None:
    """Runs `change` in one transaction: an interrupted migration leaves the database as it was."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        _refuse_newer(_revision(connection))
        change(connection, _config(connection))

    async with _opened(url, writes=True) as connection:
        await connection.run_sync(run)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(LOCATION).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _refuse_newer(revision: str | None) -> None:
    if revision is None or any(LOCATION.glob(f"versions/{revision}_*.py")):
        return
    raise NewerDatabase(
        f"The database is at revision {revision}, which this version does not know: a newer Studiograph has migrated it. "
        "Run that version, or restore a backup from before."
    )


@asynccontextmanager
async def _opened(url: str, *, writes: bool = False) -> AsyncIterator[AsyncConnection]:
    database = Database(url)
    try:
        async with _connected(database) as plain:
            if database.dialect == "sqlite" and writes:
                await _without_foreign_keys(plain)
            connection = await plain.execution_options(**({"begin": "IMMEDIATE"} if writes else {}))
            async with connection.begin():
                yield connection
    finally:
        await database.close()


@asynccontextmanager
async def _connected(database: Database) -> AsyncIterator[AsyncConnection]:
    path = database.url.database
    if database.dialect == "sqlite" and path and not await asyncio.to_thread(Path(path).parent.is_dir):
        raise NoDatabase(
            f"There is no directory {Path(path).parent} for the database. Call this where it is, or set STUDIOGRAPH_DATA_DIR; "
            "`studiograph migrate` makes a new one."
        )
    connection = database.engine.connect()
    try:
        await connection.start()
    except (OSError, DBAPIError) as error:
        where = database.url.render_as_string(hide_password=True)
        raise NoDatabase(f"The database {where} does not answer: {getattr(error, 'orig', error)}") from error
    try:
        yield connection
    finally:
        await connection.close()


async def _without_foreign_keys(connection: AsyncConnection) -> None:
    """SQLite alters a table by making a new one and dropping the old, which its foreign keys would turn into deletions."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    cursor = await driver.execute("PRAGMA foreign_keys=OFF")
    await cursor.close()
