"""The command `studiograph compute`: adds compute environments to a workspace, and adopts replaced engines."""

import asyncio
import json
from typing import Annotated

import typer

from services.compute.protocol import ComputeUnknown, Report
from services.compute_environments.commands import NewComputeEnvironment
from services.controller.error_text import error_sentence
from services.domain.ids import new_id
from services.domain.statuses import ComputeKind
from services.store.compute_environments import EnvironmentState
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context, workspace_of
from studiograph.compute_factories import compute_factories, engine_probe
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
    """Add a Docker Engine, and print its capacity.

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


@app.command("adopt")
def adopt_engine(
    workspace: Workspace,
    name: Annotated[str, typer.Argument(help="The name of the compute environment.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Adopt an engine that was replaced on purpose.

    The same for a data directory. A server that reaches another engine than before concludes nothing from what is missing there. After
    this command it does: sessions that are not on the present engine are lost, and checkpoints that are not there are INVALID until they
    are back.

    \b
    Example: studiograph compute adopt lab "Lab server"
    """
    settings = load_settings()

    async def work() -> None:
        async with command_context(settings) as context:
            environment = await context.compute_environments.find(await workspace_of(context, workspace), name)
            found = await _mark(settings, context.installation, environment)
            if found != environment.engine_id:
                await context.compute_environments.adopt_engine(context.operator, environment, found)
        if as_json:
            print(json.dumps({"computeEnvironment": environment.name, "engineId": found, "previousEngineId": environment.engine_id}))
        elif found == environment.engine_id:
            print(f"{environment.name} has this engine already ({found}). Nothing was changed.")
        else:
            print(f"{environment.name} has the engine {found} now, and not {environment.engine_id or 'one that was not recorded'}.")

    asyncio.run(work())


async def _mark(settings: Settings, installation: str, environment: EnvironmentState) -> str:
    """Returns the id of the engine that this server reaches, marked if it was not. Raises OperatorError where it does not answer."""
    compute = compute_factories(settings, installation)[ComputeKind(environment.kind)](environment)
    try:
        return await compute.mark_engine(new_id())
    except ComputeUnknown as error:
        raise OperatorError(f"{environment.name}: {error}. `studiograph doctor` says more.") from error
    finally:
        await compute.close()


async def _probe(settings: Settings) -> Report:
    """Returns the engine's capacity. Raises OperatorError if it does not answer."""
    engine = engine_probe(settings)
    try:
        return await engine.inspect()
    except ComputeUnknown as error:
        raise OperatorError(f"{error_sentence(error)} `studiograph doctor` checks this machine.") from error
    finally:
        await engine.close()
