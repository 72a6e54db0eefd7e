"""The command `studiograph compute`: adds, shows, changes and removes compute environments, and adopts replaced engines."""

import asyncio
from typing import Annotated, Any

import typer

from services.compute.protocol import ComputeUnknown, Report
from services.compute_environments.commands import NewComputeEnvironment
from services.controller.error_text import error_sentence
from services.domain.ids import new_id
from services.domain.statuses import ComputeKind
from services.store.compute_environments import EnvironmentState
from studiograph.cli.limits import MaxCpu, MaxGpu, MaxMemoryMib, MaxSessions, limit_changes, limits_of
from studiograph.cli.options import load_settings
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext, workspace_of
from studiograph.compute_factories import compute_factories, engine_probe
from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings

app = typer.Typer(help="Manage the compute environments of a workspace.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The slug of the workspace.")]
Name = Annotated[str, typer.Argument(help="The name of the compute environment.")]


@app.command("add")
def add_compute(
    workspace: Workspace,
    name: Annotated[str, typer.Argument(help="The display name.")],
    url: Annotated[str, typer.Option(help="The URL of the Docker Engine. Default: STUDIOGRAPH_DOCKER_URL.", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """Add a Docker Engine, and print its capacity.

    \b
    Example: studiograph compute add lab "Lab server" --url unix:///var/run/docker.sock
    """
    settings = load_settings(docker_url=url or None)

    report = asyncio.run(_probe(settings))

    async def work(context: CommandContext) -> tuple[EnvironmentState, bool]:
        workspace_id = await workspace_of(context, workspace)
        environment = NewComputeEnvironment(name, ComputeKind.DOCKER, {"url": url} if url else {})
        environment_id, is_new = await context.compute_environments.add(context.operator, workspace_id, environment)
        await context.compute_environments.record_capacity(context.operator, environment_id, report)
        return await context.compute_environments.find(workspace_id, name), is_new

    added, is_new = run_command(work, settings)
    sentence = f"{'Added' if is_new else 'There was already'} {name}: {report.cpu:g} cores, {report.memory_mib} MiB."
    details = {"notes": list(report.notes), "warnings": list(report.warnings)}
    print_done("\n".join([sentence, *report.notes, *report.warnings]), _summary(added) | details, as_json=as_json)


@app.command("list")
def list_compute(workspace: Workspace, as_json: AsJson = False) -> None:
    """List the compute environments of a workspace.

    \b
    Example: studiograph compute list lab --json
    """

    async def work(context: CommandContext) -> list[EnvironmentState]:
        return await context.compute_environments.of_workspace(await workspace_of(context, workspace))

    print_rows([_summary(environment) for environment in run_command(work)], as_json=as_json)


@app.command("show")
def show_compute(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Show a compute environment and the result of its last check.

    \b
    Example: studiograph compute show lab "Lab server"
    """
    environment = run_command(lambda context: _find(context, workspace, name))
    details = {"message": environment.message, "gpu": environment.gpu, "engineId": environment.engine_id}
    print_object(_summary(environment) | details | limits_of(environment), as_json=as_json)


@app.command("edit")
def edit_compute(
    workspace: Workspace,
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="The new name.")] = None,
    url: Annotated[str | None, typer.Option(help='The URL of the Docker Engine; "" = STUDIOGRAPH_DOCKER_URL.')] = None,
    max_sessions: MaxSessions = None,
    max_cpu: MaxCpu = None,
    max_memory_mib: MaxMemoryMib = None,
    max_gpu: MaxGpu = None,
    as_json: AsJson = False,
) -> None:
    """Change a compute environment, or limit its sessions.

    The limits are on what its sessions hold at a time. No session ends because a limit is lowered.

    Where another engine answers at the URL, its sessions and checkpoints are not touched until `studiograph compute adopt`.

    \b
    Example: studiograph compute edit lab "Lab server" --name "Old server" --url unix:///var/run/docker.sock
    """
    changes = limit_changes(max_sessions, max_cpu, max_memory_mib, max_gpu)
    if new_name is None and url is None and not changes.values:
        raise typer.BadParameter("Give --name, --url, or a limit such as --max-sessions.")

    async def work(context: CommandContext) -> EnvironmentState:
        environment = await _find(context, workspace, name)
        await context.compute_environments.edit(context.operator, environment, name=new_name, url=url)
        if changes.values:
            await context.workspaces.limit_environment(context.operator, environment, changes)
        return await _find(context, workspace, environment.name if new_name is None else new_name)

    changed = run_command(work)
    print_done(f"Changed {changed.name}.", _summary(changed) | limits_of(changed), as_json=as_json)


@app.command("disable")
def disable_compute(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Let no more sessions start in a compute environment.

    Sessions that run there continue. STUDIOGRAPH_PROCESS_COMPUTE decides on those of the kind `process` at each start of the server.

    \b
    Example: studiograph compute disable lab "Lab server"
    """
    _switch(workspace, name, enabled=False, as_json=as_json)


@app.command("enable")
def enable_compute(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Let sessions start in a disabled compute environment again.

    \b
    Example: studiograph compute enable lab "Lab server"
    """
    _switch(workspace, name, enabled=True, as_json=as_json)


@app.command("remove")
def remove_compute(
    workspace: Workspace,
    name: Name,
    stop_sessions: Annotated[bool, typer.Option("--stop-sessions", help="First disable it, and stop and save what runs there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a compute environment that nothing needs.

    It is refused while Studios, checkpoints, builds or removals that are not done need it, and they are listed. With --stop-sessions, also
    if it is refused, no session starts there any more, and those that run are stopped; their users are told why.

    \b
    Example: studiograph compute remove lab "Old server" --stop-sessions
    """

    async def work(context: CommandContext) -> str:
        environment = await _find(context, workspace, name)
        if stop_sessions:
            stopped = await context.environment_removal.stop_sessions(context.operator, environment)
            typer.echo(f"{environment.name} is disabled. Stopping: {', '.join(stopped) or 'nothing runs there'}.", err=True)
        await context.compute_environments.remove(context.operator, environment)
        return environment.name

    removed = run_command(work)
    print_done(f"Removed {removed}.", {"removed": removed}, as_json=as_json)


@app.command("adopt")
def adopt_engine(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Adopt an engine that was replaced on purpose.

    The same for a data directory. A server that reaches another engine than before concludes nothing from what is missing there. After
    this command it does: sessions that are not on the present engine are lost, and checkpoints that are not there are INVALID until they
    are back.

    \b
    Example: studiograph compute adopt lab "Lab server"
    """
    settings = load_settings()

    async def work(context: CommandContext) -> tuple[EnvironmentState, str]:
        environment = await _find(context, workspace, name)
        reached = await _mark(settings, context.installation, environment)
        if reached != environment.engine_id:
            await context.compute_environments.adopt_engine(context.operator, environment, reached)
        return environment, reached

    environment, reached = run_command(work, settings)
    previous = environment.engine_id
    sentence = (
        f"{environment.name} has this engine already ({reached}). Nothing was changed."
        if reached == previous
        else f"{environment.name} has the engine {reached} now, and not {previous or 'one that was not recorded'}."
    )
    values = {"computeEnvironment": environment.name, "engineId": reached, "previousEngineId": previous}
    print_done(sentence, values, as_json=as_json)


def _switch(workspace: str, name: str, *, enabled: bool, as_json: bool) -> None:
    async def work(context: CommandContext) -> EnvironmentState:
        environment = await _find(context, workspace, name)
        await context.compute_environments.switch(context.operator, environment, enabled=enabled)
        return await _find(context, workspace, name)

    changed = run_command(work)
    print_done(f"{changed.name} is {'enabled' if enabled else 'disabled'}.", _summary(changed), as_json=as_json)


async def _find(context: CommandContext, workspace: str, name: str) -> EnvironmentState:
    return await context.compute_environments.find(await workspace_of(context, workspace), name)


def _summary(environment: EnvironmentState) -> dict[str, Any]:
    """Returns what lists show: never its variables, which may be secret."""
    return {
        "name": environment.name,
        "kind": environment.kind,
        "url": environment.settings.get("url"),
        "enabled": environment.enabled,
        "reachable": environment.reachable,
        "cpu": environment.cpu,
        "memoryMib": environment.memory_mib,
    }


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
