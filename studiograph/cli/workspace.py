"""The command `studiograph workspace`: adds, shows, changes and removes workspaces."""

from typing import Annotated, Any

import typer

from services.store.directory import WorkspaceState
from studiograph.cli.limits import MaxCpu, MaxGpu, MaxMemoryMib, MaxSessions, limit_changes, limits_of
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext

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
    as_json: AsJson = False,
) -> None:
    """Add a workspace.

    \b
    Example: studiograph workspace add lab --owner ada --organization acme
    """

    async def work(context: CommandContext) -> WorkspaceState:
        owner_id = (await context.directory.find_user(owner)).id
        organization_id = await context.people.find_organization(organization) or await context.people.create_organization(
            context.operator, organization, organization
        )
        await context.people.create_workspace(context.operator, organization_id, slug, name or slug, owner_id)
        return await context.directory.find_workspace(slug)

    print_done(f"Added the workspace {slug}, owned by {owner}.", _summary(run_command(work)), as_json=as_json)


@app.command("list")
def list_workspaces(as_json: AsJson = False) -> None:
    """List the workspaces of this installation.

    \b
    Example: studiograph workspace list --json
    """
    workspaces = run_command(lambda context: context.directory.workspaces())
    print_rows([_summary(workspace) for workspace in workspaces], as_json=as_json)


@app.command("show")
def show_workspace(slug: Slug, as_json: AsJson = False) -> None:
    """Show a workspace with its members.

    \b
    Example: studiograph workspace show lab
    """

    async def work(context: CommandContext) -> dict[str, Any]:
        workspace = await context.directory.find_workspace(slug)
        return _summary(workspace) | limits_of(workspace) | {"members": await context.directory.members_of(workspace)}

    print_object(run_command(work), as_json=as_json)


@app.command("edit")
def edit_workspace(
    slug: Slug,
    name: Annotated[str | None, typer.Option(help="The new display name.")] = None,
    max_sessions: MaxSessions = None,
    max_cpu: MaxCpu = None,
    max_memory_mib: MaxMemoryMib = None,
    max_gpu: MaxGpu = None,
    as_json: AsJson = False,
) -> None:
    """Rename a workspace, or limit its sessions.

    The limits are on what its sessions hold at a time. No session ends because a limit is lowered. An administrator
    of the workspace can set these limits, too.

    \b
    Example: studiograph workspace edit lab --name "Laboratory" --max-sessions 20 --max-cpu none
    """
    changes = limit_changes(max_sessions, max_cpu, max_memory_mib, max_gpu)
    if name is None and not changes.values:
        raise typer.BadParameter("Give --name, or a limit such as --max-sessions.")

    async def work(context: CommandContext) -> WorkspaceState:
        workspace = await context.directory.find_workspace(slug)
        if name is not None:
            await context.directory.rename_workspace(context.operator, workspace, name)
        if changes.values:
            await context.workspaces.edit_settings(context.operator, workspace, changes)
        return await context.directory.find_workspace(slug)

    changed = run_command(work)
    print_done(f"Changed {slug}.", _summary(changed) | limits_of(changed), as_json=as_json)


@app.command("remove")
def remove_workspace(slug: Slug, as_json: AsJson = False) -> None:
    """Remove a workspace with its templates and memberships.

    It is refused while it has Studios, checkpoints or compute environments, and they are listed.

    \b
    Example: studiograph workspace remove lab
    """

    async def work(context: CommandContext) -> None:
        await context.directory.remove_workspace(context.operator, await context.directory.find_workspace(slug))

    run_command(work)
    print_done(f"Removed the workspace {slug}.", {"removed": slug}, as_json=as_json)


def _summary(workspace: WorkspaceState) -> dict[str, Any]:
    return {"slug": workspace.slug, "name": workspace.name, "organization": workspace.organization}
