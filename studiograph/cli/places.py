"""`studiograph compute` and `studiograph template`: where a workspace's sessions run, and what they run."""

import asyncio
from typing import Annotated

import typer

from services.compute.protocol import ComputeUnknown, Report
from services.compute_environments.commands import NewComputeEnvironment
from services.domain.statuses import ComputeKind, Tool
from services.templates.commands import NewTemplate
from studiograph.cli.options import settings
from studiograph.command_context import command_context, workspace_of
from studiograph.compute_factories import engine_probe, recipe_book
from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings

compute = typer.Typer(help="Where the sessions of a workspace run.", no_args_is_help=True)
templates = typer.Typer(help="What the sessions of a workspace run.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The slug of the workspace.")]


@compute.command("add")
def add_compute(
    workspace: Workspace,
    name: Annotated[str, typer.Argument(help="The name that people see.")],
    url: Annotated[str, typer.Option(help="The Docker Engine. Left out: that of STUDIOGRAPH_DOCKER_URL.", show_default=False)] = "",
) -> None:
    """Add a Docker Engine, and say what it offers.

    \b
    Example: studiograph compute add lab "Lab server" --url unix:///var/run/docker.sock
    """
    chosen = settings(docker_url=url or None)

    async def work() -> None:
        report = await _look(chosen)
        async with command_context(chosen) as at:
            workspace_id = await workspace_of(at, workspace)
            environment = NewComputeEnvironment(name, ComputeKind.DOCKER, {"url": url} if url else {})
            environment_id, is_new = await at.compute_environments.add(at.operator, workspace_id, environment)
            await at.compute_environments.note_capacity(at.operator, environment_id, report)
        print(f"{'Added' if is_new else 'There was already'} {name}: {report.cpu:g} cores, {report.memory_mib} MiB.")
        print("\n".join([*report.notes, *report.warnings]))

    asyncio.run(work())


@templates.command("add")
def add_template(
    workspace: Workspace,
    name: Annotated[str, typer.Argument(help="The name that people see.")],
    image: Annotated[str, typer.Option(help="A container image that follows the contract of docs/images.md.", show_default=False)] = "",
    recipe: Annotated[
        str, typer.Option(help="Instead: a provided image, such as `jupyter`, or one of STUDIOGRAPH_IMAGES_DIR.", show_default=False)
    ] = "",
    tool: Annotated[Tool, typer.Option(help="What it shows.")] = Tool.CUSTOM,
    version: Annotated[str, typer.Option(help="The tool's version.")] = "1",
    port: Annotated[int, typer.Option(help="The port that its tool listens on.", min=1, max=65535)] = 8888,
    ready_path: Annotated[str, typer.Option(help="The path whose answer means that it is ready.")] = "/",
) -> None:
    """Add a template: an image of your own, or a provided one.

    \b
    Examples: studiograph template add lab JupyterLab --recipe jupyter --tool JUPYTERLAB --version 4.6.6
              studiograph template add lab Marimo --image registry.example.org/marimo:0.14 --port 2718
    """
    if bool(image) == bool(recipe):
        raise typer.BadParameter("Give --image or --recipe.")
    chosen = settings()
    runs = image or recipe_book(chosen).reference(recipe)
    new = NewTemplate(name, tool, runs, version, recipe or None, port=port, ready_path=ready_path)

    async def work() -> None:
        async with command_context(chosen) as at:
            await at.templates.add(at.operator, await workspace_of(at, workspace), new)
        print(f"{name} runs {runs}.")

    asyncio.run(work())


async def _look(chosen: Settings) -> Report:
    engine = engine_probe(chosen)
    try:
        return await engine.look()
    except ComputeUnknown as error:
        raise OperatorError(f"{chosen.docker_url}: {error}. `studiograph doctor` says more.") from error
    finally:
        await engine.close()
