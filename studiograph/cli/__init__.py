"""The command line. Each command's help shows how it is used; what goes wrong is said in one sentence, with exit code 1."""

import sys

import typer

from services.errors import DomainError
from services.store.migrate import SchemaError
from studiograph.cli import database, doctor, jobs, schema, serving, tokens, users
from studiograph.refusals import Refused

app = typer.Typer(
    name="studiograph",
    help="Studiograph: interactive analysis sessions behind a GraphQL API. Settings come from the environment (docs/settings.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serving.serve)
app.command("migrate")(database.migrate)
app.command("schema")(schema.schema)
app.command("doctor")(doctor.doctor)
app.command("demo")(jobs.demo)
app.add_typer(users.app, name="user")
app.add_typer(users.workspaces, name="workspace")
app.add_typer(tokens.app, name="token")


def main() -> None:
    """Run a command; errors meant for people are shown without a traceback."""
    try:
        app()
    except (DomainError, SchemaError, Refused) as error:
        print(f"studiograph: {error}", file=sys.stderr)
        sys.exit(1)
