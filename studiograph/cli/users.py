"""The commands `studiograph user` and `studiograph workspace`: add users and workspaces."""

import asyncio
from typing import Annotated

import typer

from services.domain.access import Role
from services.domain.errors import NotFound
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context, workspace_of

app = typer.Typer(help="Manage the users of this installation.", no_args_is_help=True)
workspaces = typer.Typer(help="Manage workspaces.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="The user's name: lower-case letters, digits, `.`, `_`, `-`.")]


@app.command("add")
def add_user(
    user_name: UserName,
    name: Annotated[str, typer.Option(help="The display name.", show_default=False)] = "",
    email: Annotated[str, typer.Option(help="An e-mail address.", show_default=False)] = "",
    workspace: Annotated[str, typer.Option(help="The slug of a workspace that the user becomes a member of.", show_default=False)] = "",
    role: Annotated[str, typer.Option(help="The role in that workspace.", metavar="ROLE")] = Role.LAUNCH.name,
) -> None:
    """Add a user.

    The user can log in with a token of `studiograph token create`. Roles: VIEW, CONNECT, LAUNCH, MAINTAIN, ADMIN, OWNER.

    \b
    Example: studiograph user add ada --name "Ada Lovelace" --workspace lab --role MAINTAIN
    """

    workspace_role = _role(role)

    async def work() -> None:
        async with command_context(load_settings()) as context:
            workspace_id = await workspace_of(context, workspace) if workspace else None
            user_id = await context.people.create_user(user_name, name or None, email or None)
            if workspace_id:
                await context.people.join(workspace_id, user_id, workspace_role)
            print(f"Added {user_name}. Next: studiograph token create {user_name}")

    asyncio.run(work())


@workspaces.command("add")
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
            owner_id = await context.people.find_user(owner)
            if owner_id is None:
                raise NotFound(f"There is no user {owner}. Add one: studiograph user add {owner}")
            organization_id = await context.people.find_organization(organization) or await context.people.create_organization(
                organization, organization
            )
            await context.people.create_workspace(organization_id, slug, name or slug, owner_id)
            print(f"Added the workspace {slug}, owned by {owner}.")

    asyncio.run(work())


def _role(text: str) -> Role:
    try:
        return Role[text.upper()]
    except KeyError:
        raise typer.BadParameter(f"{text} is no role; there is {', '.join(role.name for role in Role)}.") from None
