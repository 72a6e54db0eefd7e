"""The command `studiograph serve`: runs a server process."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from studiograph import logging_setup
from studiograph.cli.options import load_settings
from studiograph.settings import Role


def serve(
    role: Annotated[Role, typer.Option(help="The role of this process. Every role but `all` needs PostgreSQL.")] = Role.ALL,
    host: Annotated[str | None, typer.Option(help="The address to listen on (STUDIOGRAPH_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on, 0 = any free one (STUDIOGRAPH_PORT).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data directory (STUDIOGRAPH_DATA_DIR).")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Migrate the database, and create a demo workspace, user and token.")] = False,
) -> None:
    """Run a server for the API, the pages and the sessions.

    Runs until SIGINT or SIGTERM. Sessions continue to run when the server stops, and the next start takes them over.

    \b
    Examples: studiograph serve --demo
              studiograph serve --role proxy --port 8001
    """
    settings = load_settings(host=host, port=port, data_dir=data_dir)
    logging_setup.configure(settings.log_level, settings.log_format, requests=settings.access_log)
    import uvloop

    from studiograph.roles import serve as run

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, role, demo=demo))
