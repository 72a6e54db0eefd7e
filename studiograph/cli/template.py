"""The command `studiograph template`: adds, shows, changes, refreshes and removes the templates of a workspace."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from services.compute.docker import RecipeBook
from services.domain.statuses import TemplateStatus, Tool
from services.domain.unset import UNSET
from services.domain.versions import CONNECT_VERSION
from services.store.templates import TemplateState
from services.templates.recipe_images import recipe_image
from services.templates.requests import NewTemplate, TemplateChanges
from studiograph.cli.options import load_settings
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext, workspace_of
from studiograph.compute_factories import recipe_book

app = typer.Typer(help="Manage the templates of a workspace.", no_args_is_help=True)

Found = tuple[TemplateState, TemplateStatus]
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
    tool: Annotated[Tool | None, typer.Option(help="The kind of tool; without it that of a provided recipe, else CUSTOM.")] = None,
    version: Annotated[str | None, typer.Option(help="The tool's version; without it that of a provided recipe, else 1.")] = None,
    connect_version: Annotated[str, typer.Option(help="The version of the connect component.")] = CONNECT_VERSION,
    experimental: Annotated[bool, typer.Option(help="New Studios use the template only if they accept an experimental one.")] = False,
    port: Annotated[int, typer.Option(help="The port on which the tool listens.", min=1, max=65535)] = 8888,
    ready_path: Annotated[str, typer.Option(help="The path whose response shows that the tool is ready.")] = "/",
    as_json: AsJson = False,
) -> None:
    """Add a template with a provided image or an image of your own.

    \b
    Examples: studiograph template add lab JupyterLab --recipe jupyter
              studiograph template add lab Marimo --image registry.example.org/marimo:0.14 --version 0.14 --port 2718
    """
    if bool(image) == bool(recipe):
        raise typer.BadParameter("Give --image or --recipe.")
    settings = load_settings()
    template = NewTemplate(name, tool or Tool.CUSTOM, image, version or "1", None, connect_version, port=port, ready_path=ready_path)

    async def work(context: CommandContext) -> Found:
        made = await _of_recipe(template, recipe, recipe_book(settings), tool, version) if recipe else template
        workspace_id = await workspace_of(context, workspace)
        await context.templates.add(context.operator, workspace_id, replace(made, experimental=experimental))
        return await context.templates.find(workspace_id, name)

    added = run_command(work, settings)
    print_done(f"{name} runs {added[0].image}.", _summary(*added), as_json=as_json)


async def _of_recipe(template: NewTemplate, recipe: str, recipes: RecipeBook, tool: Tool | None, version: str | None) -> NewTemplate:
    """Returns the template with the image of the recipe, and with what a provided recipe says unless the options say otherwise."""
    image = await recipe_image(recipes, recipe)
    if image.release is None:
        return replace(template, recipe=recipe, image=image.reference)
    made = NewTemplate.of_release(image.release, template.name, recipe, image.reference)
    return replace(made, tool=tool or made.tool, tool_version=version or made.tool_version)


@app.command("list")
def list_templates(workspace: Workspace, as_json: AsJson = False) -> None:
    """List the templates of a workspace.

    \b
    Example: studiograph template list lab --json
    """

    async def work(context: CommandContext) -> list[Found]:
        return await context.templates.of_workspace(await workspace_of(context, workspace))

    print_rows([_summary(*found) for found in run_command(work)], as_json=as_json)


@app.command("show")
def show_template(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Show a template.

    \b
    Example: studiograph template show lab JupyterLab
    """

    async def work(context: CommandContext) -> Found:
        return await context.templates.find(await workspace_of(context, workspace), name)

    template, status = run_command(work)
    details = {
        "connectVersion": template.connect_version,
        "experimental": template.experimental,
        "recipe": template.recipe,
        "port": template.port,
        "readyPath": template.ready_path,
    }
    print_object(_summary(template, status) | details, as_json=as_json)


@app.command("edit")
def edit_template(
    workspace: Workspace,
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="The new name.")] = None,
    image: Annotated[str | None, typer.Option(help="Another container image.")] = None,
    version: Annotated[str | None, typer.Option(help="The tool's version.")] = None,
    connect_version: Annotated[str | None, typer.Option(help="The version of the connect component.")] = None,
    experimental: Annotated[bool | None, typer.Option(help="Whether new Studios must accept that the template is experimental.")] = None,
    port: Annotated[int | None, typer.Option(help="The port on which the tool listens.", min=1, max=65535)] = None,
    ready_path: Annotated[str | None, typer.Option(help="The path whose response shows that the tool is ready.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a template. Studios use it from their next start on.

    \b
    Example: studiograph template edit lab Marimo --image registry.example.org/marimo:0.15 --version 0.15
    """
    options: dict[str, Any] = {
        "name": new_name,
        "image": image,
        "tool_version": version,
        "connect_version": connect_version,
        "experimental": experimental,
        "port": port,
        "ready_path": ready_path,
    }
    changes = TemplateChanges(**{field: UNSET if value is None else value for field, value in options.items()})
    if changes == TemplateChanges():
        raise typer.BadParameter("Give at least one option to change.")

    async def work(context: CommandContext) -> Found:
        workspace_id = await workspace_of(context, workspace)
        template, _ = await context.templates.find(workspace_id, name)
        await context.templates.edit(context.operator, template, changes)
        return await context.templates.find(workspace_id, template.name if new_name is None else new_name)

    changed = run_command(work)
    print_done(f"Changed {changed[0].name}.", _summary(*changed), as_json=as_json)


@app.command("refresh")
def refresh_templates(
    workspace: Workspace,
    add_missing: Annotated[
        bool, typer.Option("--add-missing", help="Add the provided recipes that the workspace has none of, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add newer releases of the recipes in use.

    They become templates beside those that the workspace has of the recipe.

    Present templates stay, and so do their Studios. Where the recipe of the same release has changed, the image is replaced.

    \b
    Examples: studiograph template refresh lab

              studiograph template refresh lab --add-missing
    """
    settings = load_settings()

    async def work(context: CommandContext) -> dict[str, list[str]]:
        workspace_id = await workspace_of(context, workspace)
        outcome = await context.templates.refresh(context.operator, workspace_id, recipe_book(settings), add_missing=add_missing)
        names = {template.id: template.name for template, _ in await context.templates.of_workspace(workspace_id)}
        return {"added": [names[added] for added in outcome.added], "updated": [names[updated] for updated in outcome.updated]}

    refreshed = run_command(work, settings)
    lines = [f"{word.capitalize()}: {', '.join(names)}." for word, names in refreshed.items() if names]
    print_done("\n".join(lines or ["Nothing is newer."]), refreshed, as_json=as_json)


@app.command("remove")
def remove_template(workspace: Workspace, name: Name, as_json: AsJson = False) -> None:
    """Remove a template that no Studio uses.

    It is refused while Studios use it, and they are listed. After `edit --experimental`, new Studios must accept it explicitly.

    \b
    Example: studiograph template remove lab Marimo
    """

    async def work(context: CommandContext) -> str:
        template, _ = await context.templates.find(await workspace_of(context, workspace), name)
        await context.templates.remove(context.operator, template)
        return template.name

    removed = run_command(work)
    print_done(f"Removed {removed}.", {"removed": removed}, as_json=as_json)


def _summary(template: TemplateState, status: TemplateStatus) -> dict[str, Any]:
    return {
        "name": template.name,
        "tool": template.tool,
        "version": template.tool_version,
        "status": status,
        "image": template.image,
    }
