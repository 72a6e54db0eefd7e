"""The command `studiograph restored`: makes subscribers read again after a backup was restored."""

import asyncio
import json
from typing import Annotated

import typer

from services.live.log_history import mark_restored
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context

MESSAGE = "All event streams have a new epoch: clients that resume are told to read again."


def restored(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say that a backup of the database was restored.

    Clients hold cursors of events that the backup does not have. Every stream gets a new epoch, so that they are told to read again
    (Resync) instead of missing what happens next. A server notices most restores by itself at its start; this is for the others, such
    as a dump that was loaded into the same tables.

    \b
    Example: studiograph restored
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            await mark_restored(context.database)
        print(json.dumps({"restored": True}) if as_json else MESSAGE)

    asyncio.run(work())
