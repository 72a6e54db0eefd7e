"""The command `studiograph template`: adds templates to a workspace."""

import asyncio
from typing import Annotated

import typer

from services.domain.statuses import Tool
from services.templates.commands import NewTemplate
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context, workspace_of
from studiograph.compute_factories import recipe_book

app = typer.Typer(help="Manage the templates of a workspace.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The slug of the workspace.")]


@app.command("add")
def add_template(
    workspace: Workspace,
    name: Annotated[str, typer.Argument(help="The display name.")],
    image: Annotated[str, typer.Option(help="A container image that follows the contract of docs/images.md.", show_default=False)] = "",
    recipe: Annotated[
        str,
        typer.Option(help="Instead of --image: a provided image, such as `jupyter`, or one of STUDIOGRAPH_IMAGES_DIR.", show_default=False),
    ] = "",
    tool: Annotated[Tool, typer.Option(help="The kind of tool.")] = Tool.CUSTOM,
    version: Annotated[str, typer.Option(help="The tool's version.")] = "1",
    port: Annotated[int, typer.Option(help="The port on which the tool listens.", min=1, max=65535)] = 8888,
    ready_path: Annotated[str, typer.Option(help="The path whose response shows that the tool is ready.")] = "/",
) -> None:
    """Add a template with a provided image or an image of your own.

    \b
    Examples: studiograph template add lab JupyterLab --recipe jupyter --tool JUPYTERLAB --version 4.6.6
              studiograph template add lab Marimo --image registry.example.org/marimo:0.14 --port 2718
    """
    if bool(image) == bool(recipe):
        raise typer.BadParameter("Give --image or --recipe.")
    settings = load_settings()
    reference = image or recipe_book(settings).reference(recipe)
    template = NewTemplate(name, tool, reference, version, recipe or None, port=port, ready_path=ready_path)

    async def work() -> None:
        async with command_context(settings) as context:
            await context.templates.add(context.operator, await workspace_of(context, workspace), template)
        print(f"{name} runs {reference}.")

    asyncio.run(work())
