"""The command `studiograph organization`: shows organizations, and limits what the sessions of their workspaces hold."""

from typing import Annotated, Any

import typer

from services.store.directory import OrganizationState
from studiograph.cli.limits import MaxCpu, MaxGpu, MaxMemoryMib, MaxSessions, limit_changes, limits_of
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext

app = typer.Typer(help="Show and limit organizations; `workspace add` adds them.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="The short name of the organization.")]


@app.command("list")
def list_organizations(as_json: AsJson = False) -> None:
    """List the organizations of this installation.

    \b
    Example: studiograph organization list --json
    """
    organizations = run_command(lambda context: context.directory.organizations())
    print_rows([_summary(organization) for organization in organizations], as_json=as_json)


@app.command("show")
def show_organization(slug: Slug, as_json: AsJson = False) -> None:
    """Show an organization with its limits.

    \b
    Example: studiograph organization show acme
    """
    organization = run_command(lambda context: context.directory.find_organization(slug))
    print_object(_summary(organization) | limits_of(organization), as_json=as_json)


@app.command("edit")
def edit_organization(
    slug: Slug,
    max_sessions: MaxSessions = None,
    max_cpu: MaxCpu = None,
    max_memory_mib: MaxMemoryMib = None,
    max_gpu: MaxGpu = None,
    as_json: AsJson = False,
) -> None:
    """Limit the sessions of an organization.

    The limits are on what the sessions of all its workspaces hold at a time. No session ends because a limit is lowered.

    \b
    Example: studiograph organization edit acme --max-sessions 100 --max-cpu 64
    """
    changes = limit_changes(max_sessions, max_cpu, max_memory_mib, max_gpu)
    if not changes.values:
        raise typer.BadParameter("Give a limit, such as --max-sessions.")

    async def work(context: CommandContext) -> OrganizationState:
        organization = await context.directory.find_organization(slug)
        await context.workspaces.limit_organization(context.operator, organization, changes)
        return await context.directory.find_organization(slug)

    changed = run_command(work)
    print_done(f"Changed {slug}.", _summary(changed) | limits_of(changed), as_json=as_json)


def _summary(organization: OrganizationState) -> dict[str, Any]:
    return {"slug": organization.slug, "name": organization.name}
