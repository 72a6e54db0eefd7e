"""`studiograph doctor`."""

import asyncio

import typer

from studiograph.cli.options import settings


def doctor() -> None:
    """Look at this machine and installation, and say what is missing and what to do about it.

    Exit code 1 if something stops the server from working. Changes nothing.

    \b
    Example: studiograph doctor
    """
    from studiograph.doctor.engine import check_engine
    from studiograph.doctor.findings import Verdict
    from studiograph.doctor.installation import check_installation
    from studiograph.doctor.machine import check_machine

    chosen = settings()
    findings = [*check_machine(chosen), *asyncio.run(check_engine(chosen)), *asyncio.run(check_installation(chosen))]
    for finding in findings:
        print(finding)
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(1)
