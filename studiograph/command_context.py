"""The services that command line commands use; they need no running server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.commands import CommandRunner
from services.compute_environments.commands import ComputeEnvironments
from services.domain.access import Operator
from services.identity.directory import UserDirectory
from services.identity.people import People
from services.identity.tokens import Tokens
from services.secrets.installation import ensure_installation
from services.store import migrate
from services.store.db.database import Database
from services.studios.environment_removal import EnvironmentRemoval
from services.templates.commands import Templates
from services.workspaces.commands import WorkspaceCommands
from studiograph.settings import Settings
from studiograph.shared_services import policy


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The services of a command, over the database. A running server notices what they change."""

    database: Database
    people: People
    directory: UserDirectory
    workspaces: WorkspaceCommands
    tokens: Tokens
    templates: Templates
    compute_environments: ComputeEnvironments
    environment_removal: EnvironmentRemoval
    operator: Operator
    installation: str


@asynccontextmanager
async def command_context(settings: Settings) -> AsyncIterator[CommandContext]:
    """Opens the services over the database of `settings`. Raises NewerDatabase or OutdatedDatabase."""
    await migrate.check_current(settings.database)
    database = Database(settings.database)
    try:
        installation = await ensure_installation(database)
        runner = CommandRunner(database)
        people, tokens = People(runner), Tokens(database, runner)
        yield CommandContext(
            database=database,
            people=people,
            directory=UserDirectory(runner),
            workspaces=WorkspaceCommands(runner, policy(settings)),
            tokens=tokens,
            templates=Templates(runner),
            compute_environments=ComputeEnvironments(runner),
            environment_removal=EnvironmentRemoval(runner, policy(settings)),
            operator=Operator(),
            installation=installation,
        )
    finally:
        await database.close()


async def workspace_of(context: CommandContext, slug: str) -> str:
    """Returns the id of the workspace with this slug. Raises NotFound, which says how to add one."""
    return (await context.directory.find_workspace(slug)).id
