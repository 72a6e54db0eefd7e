"""The command `studiograph migrate`: migrates the database to the schema of this version."""

import asyncio
from typing import Annotated

import typer

from services.store import migrate as migrations
from studiograph.cli.options import load_settings
from studiograph.private_files import private_directory


def migrate(
    to: Annotated[
        str, typer.Option("--to", help="Downgrade to this revision instead (`base`: remove everything).", show_default=False)
    ] = "",
) -> None:
    """Migrate the database to the schema of this version.

    Does nothing if it is up to date. `serve` refuses a database that lacks migrations, `serve --demo` migrates by itself.

    \b
    Example: STUDIOGRAPH_DATABASE_URL=postgresql://studiograph@db/studiograph studiograph migrate
    """
    asyncio.run(_migrate(to))


async def _migrate(to: str) -> None:
    settings = load_settings()
    if settings.is_sqlite:
        private_directory(settings.data_dir)
    before = await migrations.current(settings.database)
    await (migrations.downgrade(settings.database, to) if to else migrations.upgrade(settings.database))
    after = await migrations.current(settings.database)
    print(f"The database is at revision {after}." if before == after else f"Migrated from {before or 'nothing'} to {after or 'nothing'}.")
