"""The command `studiograph template`: adds, shows, changes and removes the templates of a workspace."""

from typing import Annotated, Any

import typer

from services.domain.statuses import TemplateStatus, Tool
from services.store.templates import TemplateState
from services.templates.commands import NewTemplate, TemplateChanges
from studiograph.cli.options import load_settings
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext, workspace_of
from studiograph.compute_factories import recipe_book

app = typer.Typer(help="Manage the templates of a workspace.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The slug of the workspace.")]
Name = Annotated[str, typer.Argument(help="The name of the template.")]


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
    as_json: AsJson = False,
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

    async def work(context: CommandContext) -> TemplateState:
        workspace_id = await workspace_of(context, workspace)
        await context.templates.add(context.operator, workspace_id, template)
        return await context.templates.find(workspace_id, name)

    print_done(f"{name} runs {reference}.", _summary(run_command(work, settings)), as_json=as_json)


@app.command("list")
def list_templates(workspace: Workspace, as_json: AsJson = False) -> None:
    """List the templates of a workspace.

    \b
    Example: studiograph template list lab --json
    """

    async def work(context: CommandContext) -> list[TemplateState]:
        return await context.templates.of_workspace(await workspace_of(context, workspace))

    print_rows([_summary(template) for template in run_command(work)], as_json=as_json)


@app.command("show")
def show_template(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Show a template.

    \b
    Example: studiograph template show lab JupyterLab
    """

    async def work(context: CommandContext) -> TemplateState:
        return await context.templates.find(await workspace_of(context, workspace), name)

    template = run_command(work)
    details = {"recipe": template.recipe, "port": template.port, "readyPath": template.ready_path}
    print_object(_summary(template) | details, as_json=as_json)


@app.command("edit")
def edit_template(
    workspace: Workspace,
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="The new name.")] = None,
    image: Annotated[str | None, typer.Option(help="Another container image.")] = None,
    version: Annotated[str | None, typer.Option(help="The tool's version.")] = None,
    status: Annotated[TemplateStatus | None, typer.Option(help="The support status; UNSUPPORTED ones are not offered.")] = None,
    port: Annotated[int | None, typer.Option(help="The port on which the tool listens.", min=1, max=65535)] = None,
    ready_path: Annotated[str | None, typer.Option(help="The path whose response shows that the tool is ready.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a template. Studios use it from their next start on.

    \b
    Example: studiograph template edit lab Marimo --image registry.example.org/marimo:0.15 --version 0.15
    """
    changes = TemplateChanges(new_name, image, version, status, port, ready_path)
    if changes == TemplateChanges():
        raise typer.BadParameter("Give at least one option to change.")

    async def work(context: CommandContext) -> TemplateState:
        workspace_id = await workspace_of(context, workspace)
        template = await context.templates.find(workspace_id, name)
        await context.templates.edit(context.operator, template, changes)
        return await context.templates.find(workspace_id, template.name if new_name is None else new_name)

    changed = run_command(work)
    print_done(f"Changed {changed.name}.", _summary(changed), as_json=as_json)


@app.command("remove")
def remove_template(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Remove a template that no Studio uses.

    It is refused while Studios use it, and they are listed. `edit --status UNSUPPORTED` keeps new Studios from it.

    \b
    Example: studiograph template remove lab Marimo
    """

    async def work(context: CommandContext) -> str:
        template = await context.templates.find(await workspace_of(context, workspace), name)
        await context.templates.remove(context.operator, template)
        return template.name

    removed = run_command(work)
    print_done(f"Removed {removed}.", {"removed": removed}, as_json=as_json)


def _summary(template: TemplateState) -> dict[str, Any]:
    return {
        "name": template.name,
        "tool": template.tool,
        "version": template.tool_version,
        "status": template.status,
        "image": template.image,
    }
