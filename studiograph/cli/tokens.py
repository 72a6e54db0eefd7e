"""The command `studiograph token`: creates, lists and revokes access tokens."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from services.domain.access import TokenScope
from services.identity.token_rules import NewToken
from services.store.tokens import ListedToken
from studiograph.cli.output import AsJson, print_done, print_rows
from studiograph.cli.run_command import run_command
from studiograph.command_context import CommandContext

app = typer.Typer(help="Create, list and revoke access tokens.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="The user's name.")]


@app.command("create")
def create(
    user_name: UserName,
    name: Annotated[str, typer.Option(help="The purpose of the token.")] = "command line",
    scope: Annotated[list[TokenScope] | None, typer.Option(help="A scope of the token; repeatable. Default: all scopes.")] = None,
    days: Annotated[int, typer.Option(min=0, help="The days until it expires; 0 = never.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Create a token and print it. It cannot be printed again: only its hash is stored.

    \b
    Example: studiograph token create ada --name "nightly report" --scope READ --days 30
    """
    scopes = frozenset(scope or TokenScope)
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None

    async def work(context: CommandContext) -> tuple[str, str]:
        user = await context.directory.find_user(user_name)
        return await context.tokens.issue(context.operator, user.id, NewToken(name, scopes, expires_at))

    token_id, secret = run_command(work)
    values = {"id": token_id, "token": secret, "name": name, "scopes": sorted(scopes), "expiresAt": _time(expires_at)}
    print_done(secret, values, as_json=as_json)


@app.command("list")
def list_tokens(user_name: UserName, as_json: AsJson = False) -> None:
    """List a user's tokens.

    Prints the id, first characters, name, scopes, expiry, last use and revocation of each.

    \b
    Example: studiograph token list ada
    """

    async def work(context: CommandContext) -> list[ListedToken]:
        return await context.tokens.of_user((await context.directory.find_user(user_name)).id)

    print_rows([_summary(token) for token in run_command(work)], as_json=as_json)


@app.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(help="The token's id, from `token list`.")], as_json: AsJson = False) -> None:
    """Revoke a token. Streams and connections opened with it end within 2 s.

    \b
    Example: studiograph token revoke 1f0c...
    """
    run_command(lambda context: context.tokens.revoke_any(context.operator, token_id))
    print_done("Revoked.", {"revoked": token_id}, as_json=as_json)


def _summary(token: ListedToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "hint": token.hint,
        "name": token.name,
        "scopes": list(token.scopes),
        "expiresAt": _time(token.expires_at),
        "lastUsedAt": _time(token.last_used_at),
        "revokedAt": _time(token.revoked_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
