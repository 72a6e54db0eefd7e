"""Rows of every kind in one workspace, and the services of one process on them."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from sqlalchemy import update

from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner
from services.compute.docker import RecipeBook
from services.compute_environments.commands import ComputeEnvironments
from services.connections.addresses import Addresses
from services.connections.connect_codes import ConnectCodes
from services.domain.access import Operator, Role, Viewer
from services.domain.actor import Actor
from services.domain.ids import new_id, new_secret, secret_hash
from services.domain.session_name import SessionName
from services.domain.time_policy import TimePolicy
from services.identity.directory import UserDirectory
from services.identity.logins import Logins
from services.identity.members import Members
from services.identity.people import People
from services.identity.requests import Membership
from services.identity.tokens import Tokens
from services.secrets.secret_box import SecretBox
from services.store import builds, cleanup_tasks, logins, outbox, outputs
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database, Transaction
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios.studios import Studios
from services.templates.commands import Templates
from services.templates.management import TemplateManagement
from services.workspaces.commands import WorkspaceCommands
from tests import factories
from tests.factories import World

POLICY = TimePolicy()
STALE = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = "o" * 32


@dataclass(frozen=True, slots=True)
class SceneIds:
    """`running`, `stopped` and `building` are Studios; `session` is the running one, in which a member and the owner have tabs."""

    running: str
    stopped: str
    building: str
    session: str
    build: str
    checkpoint: str
    attempt: str
    attempt_reference: str
    tab: str
    tabs: tuple[str, str]
    member: str
    login: str
    environment: EnvironmentState


@dataclass
class WriterScene:
    """What a writer needs: the rows, and the services of a process of its own."""

    database: Database
    world: World
    ids: SceneIds

    @cached_property
    def runner(self) -> CommandRunner:
        return CommandRunner(self.database, b"key")

    @cached_property
    def studios(self) -> Studios:
        box = SecretBox(SecretBox.new_key())
        return Studios(self.runner, POLICY, box, self.world.installation_id, Wakeups(self.database))

    @cached_property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.runner, POLICY)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.database, self.runner)

    @cached_property
    def logins(self) -> Logins:
        return Logins(self.database, self._authenticate)

    async def _authenticate(self, _secret: str) -> Viewer:
        """Without the task that records the use of the token, which is a writer of its own."""
        return self.world.viewer

    @cached_property
    def codes(self) -> ConnectCodes:
        return ConnectCodes(self.database, Addresses("http://127.0.0.1:8000", "localhost:8000"))

    @cached_property
    def members(self) -> Members:
        return Members(self.database, self.runner, one_user=False)

    @cached_property
    def people(self) -> People:
        return People(self.runner)

    @cached_property
    def workspaces(self) -> WorkspaceCommands:
        return WorkspaceCommands(self.runner, POLICY)

    @cached_property
    def directory(self) -> UserDirectory:
        return UserDirectory(self.runner)

    @cached_property
    def environments(self) -> ComputeEnvironments:
        return ComputeEnvironments(self.runner)

    @cached_property
    def templates(self) -> Templates:
        return Templates(self.runner)

    @cached_property
    def template_management(self) -> TemplateManagement:
        return TemplateManagement(self.runner, self.recipes)

    @property
    def recipes(self) -> RecipeBook:
        return RecipeBook()

    @property
    def operator(self) -> Operator:
        return Operator()

    @property
    def session_name(self) -> SessionName:
        return SessionName(self.world.installation_id, self.ids.running, "p" * 12, 1)

    def stream(self) -> AbstractAsyncContextManager[Transaction]:
        """The transaction in which a controller writes a step's result."""
        return outbox.stream_transaction(self.database, self.world.workspace_id)

    @property
    def membership(self) -> Membership:
        return Membership(self.world.workspace_id, self.ids.member)


async def create_scene(database: Database) -> WriterScene:
    """Writes the rows of a scene."""
    world = await factories.create_world(database)
    member = await factories.create_member(database, world.workspace_id, Role.LAUNCH, user_id=await factories.create_user(database, "bob"))
    await factories.create_token(database, member)
    async with database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(kind="docker"))  # the process kind allows one user
        await transaction.execute(update(core.organization).values(max_sessions=1000))  # so that starts lock its row
    environment = await ComputeEnvironments(CommandRunner(database)).find(world.workspace_id, "Here")
    now = datetime.now(UTC)
    leased = {"lease_owner": OWNER, "lease_epoch": 1, "lease_until": now + timedelta(hours=1)}
    running = await factories.create_studio(database, world, "Running", status="RUNNING", session_number=1, due_at=now, **leased)
    own = await factories.create_checkpoint(database, world, running, status="EMPTY", reference=None, digest=None)
    session = await factories.create_session(database, world, running, upstream={"unix": "/tool"}, running_at=now, checkpoint_id=own)
    await factories.create_stats(database, session)
    tab = await factories.create_connection(database, world, running)
    tabs = (tab, await factories.create_connection(database, world, running, user_id=member))
    stopped = await factories.create_studio(database, world, "Stopped", session_number=1)
    ended = await factories.create_session(database, world, stopped, ended_at=STALE, saved=True)
    await factories.create_stats(database, ended)
    checkpoint = await factories.create_checkpoint(database, world, stopped)
    await factories.create_migration_attempt(database, world, stopped, running)
    async with database.write() as transaction:
        build = await _add_build(transaction, world)
    building = await factories.create_studio(database, world, "Building", status="BUILDING", session_number=1, build_id=build, due_at=now)
    await factories.create_session(database, world, building)
    login = new_secret("sgl")
    async with database.write() as transaction:
        await logins.add(transaction, new_id(), secret_hash(login), world.viewer.token_id, now + timedelta(hours=1))
        for output_id in (session, build, ended):
            await outputs.find_or_add(transaction, output_id)
        await cleanup_tasks.add_session(transaction, environment.id, SessionName(world.installation_id, stopped, "p" * 12, 1))
        attempt_reference = f"{own}.attempt"
        await cleanup_tasks.add_save_attempt(transaction, environment.id, own, attempt_reference, timedelta(0))
    ids = SceneIds(running, stopped, building, session, build, checkpoint, own, attempt_reference, tab, tabs, member, login, environment)
    return WriterScene(database, world, ids)


async def _add_build(transaction: Transaction, world: World) -> str:
    return await builds.add(
        transaction,
        {
            "workspace_id": world.workspace_id,
            "compute_environment_id": world.compute_environment_id,
            "reference": "image:1",
            "recipe": {"directory": "jupyter"},
            "actor": Actor.system("test").to_json(),
            "deadline": transaction.now + timedelta(hours=1),
        },
    )
