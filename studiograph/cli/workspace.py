"""The command `studiograph workspace`: adds, shows, changes and removes workspaces."""

import asyncio
from typing import Annotated, Any

import typer

from services.store.directory import WorkspaceState
from studiograph.cli.options import load_settings
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.command_context import command_context

app = typer.Typer(help="Manage workspaces.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="The short name of the workspace in URLs.")]


@app.command("add")
def add_workspace(
    slug: Annotated[str, typer.Argument(help="The short name in URLs: lower-case letters, digits, `-`.")],
    owner: Annotated[str, typer.Option(help="The name of the user who owns it.")],
    name: Annotated[str, typer.Option(help="The display name.", show_default=False)] = "",
    organization: Annotated[
        str, typer.Option("--organization", "--organisation", help="The slug of its organization, which is created if needed.")
    ] = "main",
) -> None:
    """Add a workspace.

    \b
    Example: studiograph workspace add lab --owner ada --organization acme
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            owner_id = (await context.directory.find_user(owner)).id
            organization_id = await context.people.find_organization(organization) or await context.people.create_organization(
                organization, organization
            )
            await context.people.create_workspace(organization_id, slug, name or slug, owner_id)
            print(f"Added the workspace {slug}, owned by {owner}.")

    asyncio.run(work())


@app.command("list")
def list_workspaces(as_json: AsJson = False) -> None:
    """List the workspaces of this installation.

    \b
    Example: studiograph workspace list --json
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            workspaces = await context.directory.workspaces()
        print_rows([_summary(workspace) for workspace in workspaces], as_json=as_json)

    asyncio.run(work())


@app.command("show")
def show_workspace(slug: Slug, as_json: AsJson = False) -> None:
    """Show a workspace with its members.

    \b
    Example: studiograph workspace show lab
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            workspace = await context.directory.find_workspace(slug)
            members = await context.directory.members_of(workspace)
        print_object(_summary(workspace) | {"members": members}, as_json=as_json)

    asyncio.run(work())


@app.command("edit")
def edit_workspace(slug: Slug, name: Annotated[str, typer.Option(help="The new display name.")], as_json: AsJson = False) -> None:
    """Change the display name of a workspace.

    \b
    Example: studiograph workspace edit lab --name "Laboratory"
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            workspace = await context.directory.find_workspace(slug)
            await context.directory.rename_workspace(context.operator, workspace, name)
            changed = await context.directory.find_workspace(slug)
        print_done(f"Changed {slug}.", _summary(changed), as_json=as_json)

    asyncio.run(work())


@app.command("remove")
def remove_workspace(slug: Slug, as_json: AsJson = False) -> None:
    """Remove a workspace with its templates and memberships.

    It is refused while it has Studios, checkpoints or compute environments, and they are listed.

    \b
    Example: studiograph workspace remove lab
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            await context.directory.remove_workspace(context.operator, await context.directory.find_workspace(slug))
        print_done(f"Removed the workspace {slug}.", {"removed": slug}, as_json=as_json)

    asyncio.run(work())


def _summary(workspace: WorkspaceState) -> dict[str, Any]:
    return {"slug": workspace.slug, "name": workspace.name, "organization": workspace.organization}
