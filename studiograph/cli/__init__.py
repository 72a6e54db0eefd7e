"""The command line: one module for each group of commands. Errors for the operator go to standard error, with exit code 1."""

import sys

import typer

from services.domain.errors import DomainError
from services.store.migrate import SchemaError
from studiograph.cli import compute, organization, template, tokens, users, workspace
from studiograph.cli.database import migrate
from studiograph.cli.demo import demo
from studiograph.cli.doctor import doctor
from studiograph.cli.key import replace_key
from studiograph.cli.restored import restored
from studiograph.cli.schema import schema
from studiograph.cli.serving import serve
from studiograph.operator_errors import OperatorError

app = typer.Typer(
    name="studiograph",
    help="Studiograph: interactive analysis sessions behind a GraphQL API. Settings come from the environment (docs/settings.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve)
app.command("migrate")(migrate)
app.command("schema")(schema)
app.command("doctor")(doctor)
app.command("demo")(demo)
app.command("replace-key")(replace_key)
app.command("restored")(restored)
app.add_typer(users.app, name="user")
app.add_typer(organization.app, name="organization")
app.add_typer(workspace.app, name="workspace")
app.add_typer(compute.app, name="compute")
app.add_typer(template.app, name="template")
app.add_typer(tokens.app, name="token")


def main() -> None:
    """Runs a command; errors that the operator can fix are printed without a traceback."""
    try:
        app()
    except (DomainError, SchemaError, OperatorError) as error:
        print(f"studiograph: {error}", file=sys.stderr)
        sys.exit(1)
