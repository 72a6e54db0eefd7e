"""The command `studiograph doctor`: checks machine and installation."""

import asyncio
from typing import Annotated

import typer

from studiograph.cli.options import load_settings


def doctor(
    prune: Annotated[bool, typer.Option("--prune", help="Remove sessions of this installation that belong to no Studio.")] = False,
) -> None:
    """Check this machine and installation.

    Prints problems with advice. The exit code is 1 if one prevents the server from working. Without --prune it changes nothing.

    \b
    Example: studiograph doctor
    """
    from studiograph.doctor.check_result import Severity
    from studiograph.doctor.engine import check_engine
    from studiograph.doctor.installation import check_installation, installation_id
    from studiograph.doctor.machine import check_machine

    settings = load_settings()
    engine, installation = asyncio.run(check_engine(settings)), asyncio.run(check_installation(settings, prune=prune))
    results = [*check_machine(settings, asyncio.run(installation_id(settings))), *engine, *installation]
    for result in results:
        print(result)
    if any(result.severity is Severity.BAD for result in results):
        raise typer.Exit(1)
