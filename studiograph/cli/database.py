"""`studiograph migrate`."""

import asyncio
from typing import Annotated

import typer

from services.store import migrate as migrations
from studiograph.cli.options import settings
from studiograph.private_files import private_directory


def migrate(
    to: Annotated[str, typer.Option("--to", help="Go back to this revision instead (`base`: remove everything).", show_default=False)] = "",
) -> None:
    """Bring the database to what this version needs.

    Does nothing if it is there already. `serve` refuses a database that lacks migrations, `serve --demo` migrates by itself.

    \b
    Example: STUDIOGRAPH_DATABASE_URL=postgresql://studiograph@db/studiograph studiograph migrate
    """
    asyncio.run(_migrate(to))


async def _migrate(to: str) -> None:
    chosen = settings()
    if chosen.is_sqlite:
        private_directory(chosen.data_dir)
    before = await migrations.current(chosen.database)
    await (migrations.downgrade(chosen.database, to) if to else migrations.upgrade(chosen.database))
    after = await migrations.current(chosen.database)
    print(f"The database is at revision {after}." if before == after else f"Migrated from {before or 'nothing'} to {after or 'nothing'}.")
