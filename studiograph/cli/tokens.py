"""The command `studiograph token`: creates, lists and revokes access tokens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from services.domain.access import TokenScope
from services.identity.token_rules import NewToken
from studiograph.cli.options import load_settings
from studiograph.command_context import CommandContext, command_context

app = typer.Typer(help="Create, list and revoke access tokens.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="The user's name.")]


@app.command("create")
def create(
    user_name: UserName,
    name: Annotated[str, typer.Option(help="The purpose of the token.")] = "command line",
    scope: Annotated[list[TokenScope] | None, typer.Option(help="A scope of the token; repeatable. Default: all scopes.")] = None,
    days: Annotated[int, typer.Option(min=0, help="The days until it expires; 0 = never.")] = 90,
) -> None:
    """Create a token and print it. It cannot be printed again: only its hash is stored.

    \b
    Example: studiograph token create ada --name "nightly report" --scope READ --days 30
    """

    async def work() -> None:
        expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
        async with command_context(load_settings()) as context:
            user_id = await _user(context, user_name)
            _, secret = await context.tokens.issue(user_id, NewToken(name, frozenset(scope or TokenScope), expires_at))
            print(secret)

    asyncio.run(work())


@app.command("list")
def list_tokens(user_name: UserName) -> None:
    """List a user's tokens.

    Prints the id, first characters, name, scopes, expiry and last use of each.

    \b
    Example: studiograph token list ada
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            for token in await context.tokens.of_user(await _user(context, user_name)):
                until = f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else f"until {_day(token.expires_at, 'revoked')}"
                used = _day(token.last_used_at, "never")
                print(f"{token.id}  {token.hint}...  {token.name}  {','.join(token.scopes)}  {until}  last used {used}")

    asyncio.run(work())


@app.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(help="The token's id, from `token list`.")]) -> None:
    """Revoke a token. Streams and connections opened with it end within 2 s.

    \b
    Example: studiograph token revoke 1f0c...
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            await context.tokens.revoke_any(token_id)
            print("Revoked.")

    asyncio.run(work())


async def _user(context: CommandContext, user_name: str) -> str:
    return (await context.directory.find_user(user_name)).id


def _day(moment: datetime | None, otherwise: str) -> str:
    return f"{moment:%Y-%m-%d}" if moment else otherwise
