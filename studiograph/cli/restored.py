"""The command `studiograph restored`: gives all event streams new epochs after a backup was restored."""

import asyncio
import json
from typing import Annotated

import typer

from services.live.log_history import mark_restored
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context

MESSAGE = "All event streams have a new epoch: clients that resume receive a Resync and read a new snapshot."


def restored(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Renew all event streams after a restored backup.

    Clients hold cursors of events that the backup does not contain. With a new epoch they receive a Resync and read a new snapshot
    instead of missing later events. A server detects most restores by itself at its start; this command is for the others, such
    as a dump that was loaded into the same tables.

    \b
    Example: studiograph restored
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            await mark_restored(context.database)
        print(json.dumps({"restored": True}) if as_json else MESSAGE)

    asyncio.run(work())
