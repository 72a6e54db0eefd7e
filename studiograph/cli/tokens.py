"""The command `studiograph token`: creates, lists and revokes access tokens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from services.domain.access import TokenScope
from services.domain.errors import NotFound
from services.identity.token_rules import NewToken
from studiograph.cli.options import load_settings
from studiograph.command_context import CommandContext, command_context

app = typer.Typer(help="Access tokens: made, listed and revoked.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="Whose tokens.")]


@app.command("create")
def create(
    user_name: UserName,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scope: Annotated[
        list[TokenScope] | None, typer.Option(help="What it may be used for; repeat for several. All, if none is given.")
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="It expires after this many days; 0 = never.")] = 90,
) -> None:
    """Make a token and print it, this once: only its hash is kept.

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

    Each with its id, first characters, name, scopes, expiry, last use.

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
def revoke(token_id: Annotated[str, typer.Argument(help="The id, as `token list` shows it.")]) -> None:
    """Revoke a token. What was opened with it, streams and sessions included, ends within 2 s.

    \b
    Example: studiograph token revoke 1f0c...
    """

    async def work() -> None:
        async with command_context(load_settings()) as context:
            await context.tokens.revoke_any(token_id)
            print("Revoked.")

    asyncio.run(work())


async def _user(context: CommandContext, user_name: str) -> str:
    user_id = await context.people.find_user(user_name)
    if user_id is None:
        raise NotFound(f"There is no user {user_name}. Add one: studiograph user add {user_name}")
    return user_id


def _day(moment: datetime | None, otherwise: str) -> str:
    return f"{moment:%Y-%m-%d}" if moment else otherwise
