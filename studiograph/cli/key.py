"""The command `studiograph replace-key`: makes the present secret key the installation's."""

import asyncio
from typing import Annotated

import typer

from services.secrets import installation
from services.secrets.secret_box import SecretBox
from studiograph.cli.options import load_settings
from studiograph.command_context import command_context
from studiograph.shared_services import secret_key


def replace_key(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go on with another secret key, because the former is lost.

    The one that is set now becomes the installation's. Secret values that were sealed with the former must be set again, and browsers
    sign in anew. Restart every server afterwards.

    \b
    Example: studiograph replace-key
    """
    settings = load_settings()
    box = SecretBox(secret_key(settings))
    if not yes:
        typer.confirm("Secret values sealed with the former key will never open again. Go on?", abort=True)

    async def work() -> None:
        async with command_context(settings) as context:
            await installation.replace_key(context.database, box)
        print("This key is the installation's now. Set the secret values of Studios and compute environments again.")

    asyncio.run(work())
