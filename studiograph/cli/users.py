"""The command `studiograph user`: adds, shows, changes and removes users."""

from typing import Annotated, Any

import typer

from services.domain.access import Role
from services.store.directory import UserState
from studiograph.cli.output import AsJson, print_done, print_object, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext, workspace_of

app = typer.Typer(help="Manage the users of this installation.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="The user's name: lower-case letters, digits, `.`, `_`, `-`.")]


@app.command("add")
def add_user(
    user_name: UserName,
    name: Annotated[str, typer.Option(help="The display name.", show_default=False)] = "",
    email: Annotated[str, typer.Option(help="An e-mail address.", show_default=False)] = "",
    workspace: Annotated[str, typer.Option(help="The slug of a workspace that the user becomes a member of.", show_default=False)] = "",
    role: Annotated[str, typer.Option(help="The role in that workspace.", metavar="ROLE")] = Role.LAUNCH.name,
    as_json: AsJson = False,
) -> None:
    """Add a user.

    The user can log in with a token of `studiograph token create`. Roles: VIEW, CONNECT, LAUNCH, MAINTAIN, ADMIN, OWNER.

    \b
    Example: studiograph user add ada --name "Ada Lovelace" --workspace lab --role MAINTAIN
    """

    workspace_role = _role(role)

    async def work(context: CommandContext) -> UserState:
        workspace_id = await workspace_of(context, workspace) if workspace else None
        user_id = await context.people.create_user(context.operator, user_name, name or None, email or None)
        if workspace_id:
            await context.people.join(context.operator, workspace_id, user_id, workspace_role)
        return await context.directory.find_user(user_name)

    added = run_command(work)
    print_done(f"Added {user_name}. Next: studiograph token create {user_name}", _summary(added), as_json=as_json)


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List the users of this installation.

    \b
    Example: studiograph user list --json
    """
    users = run_command(lambda context: context.directory.users())
    print_rows([_summary(user) for user in users], as_json=as_json)


@app.command("show")
def show_user(user_name: UserName, as_json: AsJson = False) -> None:
    """Show a user with the roles in workspaces. Tokens: `studiograph token list`.

    \b
    Example: studiograph user show ada
    """

    async def work(context: CommandContext) -> dict[str, Any]:
        user = await context.directory.find_user(user_name)
        return _summary(user) | {"roles": await context.directory.roles_of(user)}

    print_object(run_command(work), as_json=as_json)


@app.command("edit")
def edit_user(
    user_name: UserName,
    name: Annotated[str | None, typer.Option(help="The new display name.")] = None,
    email: Annotated[str | None, typer.Option(help='The new e-mail address; "" = none.')] = None,
    as_json: AsJson = False,
) -> None:
    """Change the display name or the e-mail address of a user.

    \b
    Example: studiograph user edit ada --name "Ada King"
    """
    if name is None and email is None:
        raise typer.BadParameter("Give --name or --email.")

    async def work(context: CommandContext) -> UserState:
        user = await context.directory.find_user(user_name)
        await context.directory.edit_user(context.operator, user, display_name=name, email=email)
        return await context.directory.find_user(user_name)

    print_done(f"Changed {user_name}.", _summary(run_command(work)), as_json=as_json)


@app.command("remove")
def remove_user(user_name: UserName, as_json: AsJson = False) -> None:
    """Remove a user with tokens and memberships.

    It is refused while Studios, sessions or checkpoints are theirs, or a workspace has no other OWNER, and they are listed. To take all
    access from such a user, revoke the tokens: `studiograph token revoke`.

    \b
    Example: studiograph user remove grace
    """

    async def work(context: CommandContext) -> None:
        await context.directory.remove_user(context.operator, await context.directory.find_user(user_name))

    run_command(work)
    print_done(f"Removed {user_name}.", {"removed": user_name}, as_json=as_json)


def _summary(user: UserState) -> dict[str, Any]:
    return {"userName": user.user_name, "displayName": user.display_name, "email": user.email}


def _role(text: str) -> Role:
    try:
        return Role[text.upper()]
    except KeyError:
        raise typer.BadParameter(f"{text} is no role; there is {', '.join(role.name for role in Role)}.") from None
