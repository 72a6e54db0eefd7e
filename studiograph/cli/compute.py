"""The command `studiograph compute`: adds compute environments to a workspace."""

import asyncio
from typing import Annotated

import typer

from services.compute.protocol import ComputeUnknown, Report
from services.compute_environments.commands import NewComputeEnvironment
from services.domain.statuses import ComputeKind
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context, workspace_of
from studiograph.compute_factories import engine_probe
from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings

app = typer.Typer(help="Manage the compute environments of a workspace.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The slug of the workspace.")]


@app.command("add")
def add_compute(
    workspace: Workspace,
    name: Annotated[str, typer.Argument(help="The display name.")],
    url: Annotated[str, typer.Option(help="The URL of the Docker Engine. Default: STUDIOGRAPH_DOCKER_URL.", show_default=False)] = "",
) -> None:
    """Add a Docker Engine as a compute environment, and print its capacity.

    \b
    Example: studiograph compute add lab "Lab server" --url unix:///var/run/docker.sock
    """
    settings = load_settings(docker_url=url or None)

    async def work() -> None:
        report = await _probe(settings)
        async with command_context(settings) as context:
            workspace_id = await workspace_of(context, workspace)
            environment = NewComputeEnvironment(name, ComputeKind.DOCKER, {"url": url} if url else {})
            environment_id, is_new = await context.compute_environments.add(context.operator, workspace_id, environment)
            await context.compute_environments.record_capacity(context.operator, environment_id, report)
        print(f"{'Added' if is_new else 'There was already'} {name}: {report.cpu:g} cores, {report.memory_mib} MiB.")
        print("\n".join([*report.notes, *report.warnings]))

    asyncio.run(work())


async def _probe(settings: Settings) -> Report:
    """Returns the engine's capacity. Raises OperatorError if it does not answer."""
    engine = engine_probe(settings)
    try:
        return await engine.inspect()
    except ComputeUnknown as error:
        raise OperatorError(f"{settings.docker_url}: {error}. Details: `studiograph doctor`.") from error
    finally:
        await engine.close()
