"""`studiograph doctor`."""

import asyncio
from typing import Annotated

import typer

from studiograph.cli.options import settings


def doctor(
    prune: Annotated[bool, typer.Option("--prune", help="Remove sessions of this installation that no Studio knows.")] = False,
) -> None:
    """Look at this machine and installation, and say what is missing.

    With what to do about it. Exit code 1 if something stops the server from working. Without --prune it changes nothing.

    \b
    Example: studiograph doctor
    """
    from studiograph.doctor.engine import check_engine
    from studiograph.doctor.findings import Verdict
    from studiograph.doctor.installation import check_installation
    from studiograph.doctor.machine import check_machine

    chosen = settings()
    engine, installation = asyncio.run(check_engine(chosen)), asyncio.run(check_installation(chosen, prune=prune))
    findings = [*check_machine(chosen), *engine, *installation]
    for finding in findings:
        print(finding)
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(1)
