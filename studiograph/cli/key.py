"""The command `studiograph replace-key`: replaces the installation's lost secret key with the configured one."""

from typing import Annotated

import typer

from services.secrets import installation
from services.secrets.secret_box import SecretBox
from studiograph.cli.options import load_settings
from studiograph.cli.run_command import run_command
from studiograph.shared_services import secret_key


def replace_key(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Replace the installation's secret key, because it is lost.

    The configured key becomes the installation's. Secret values encrypted with the lost key must be set again, and browsers must
    log in again. Restart every server afterwards.

    \b
    Example: studiograph replace-key
    """
    settings = load_settings()
    box = SecretBox(secret_key(settings))
    if not yes:
        typer.confirm("Secret values encrypted with the former key will be unreadable. Continue?", abort=True)

    run_command(lambda context: installation.replace_key(context.database, box), settings)
    print("The key was replaced. Set the secret values of Studios and compute environments again.")
