"""The command `studiograph demo`: runs the main job against a server of its own."""

import asyncio
from typing import Annotated

import typer


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data directory, and print its path.")] = False,
) -> None:
    """Create, use and delete a Studio on a temporary server.

    Prints each step with its time: create, subscribe, start, connect, run a cell that writes a file and installs a package, stop, see the
    checkpoint, start again, find both there, delete.

    \b
    Example: studiograph demo
    """
    from studiograph.walkthrough import walk

    if not asyncio.run(walk(keep=keep)):
        raise typer.Exit(1)
