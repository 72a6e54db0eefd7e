"""The commands on Studios as the API calls them: each in one transaction, and once per idempotency key (B95)."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from services.commands import CommandRunner, MutationCall, idempotency_input
from services.domain.access import MATRIX, Permission, Resource, Viewer, require_scope
from services.domain.actor import Actor
from services.domain.errors import CheckpointDataMissing, NotFound
from services.domain.event_payloads import StarChanged
from services.domain.time_policy import TimePolicy
from services.secrets.env_vars import Seal
from services.store import checkpoints, compute_environments, outbox, quotas, studios, templates
from services.store.db.database import Reader, Transaction
from services.store.db.wakeups import WakeSource
from services.store.studios import StudioState
from services.studios import rights
from services.studios.checkpoint_recheck import CheckpointRecheck
from services.studios.clone import ClonePlan, CloneStudio
from services.studios.conda_images import CondaImages
from services.studios.create import CreateStudio
from services.studios.delete import DeleteStudio
from services.studios.force_stop import ForceStopStudio
from services.studios.image_builds import BuiltImage, ImageBuilds
from services.studios.labels import set_labels
from services.studios.migration.discard import DiscardMigration
from services.studios.migration.migrate import MigrateStudio
from services.studios.migration.plan import MigrationPlan, check_quotas, make_plan
from services.studios.requests import (
    CloneStudioRequest,
    CreateStudioRequest,
    DiscardMigrationRequest,
    MigrateStudioRequest,
    SetLabelsRequest,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    StudioOutcome,
    UpdateStudioRequest,
)
from services.studios.start import StartStudio
from services.studios.stop import StopStudio
from services.studios.update import UpdateStudio


class OnStudio(Protocol):
    """A request that names the Studio it acts on."""

    @property
    def studio_id(self) -> str: ...

    @property
    def idempotency_key(self) -> str | None: ...


R = TypeVar("R")
Command = Callable[[Transaction, Viewer, R], Awaitable[StudioOutcome]]
Run = Callable[[MutationCall, Any, str, Command[Any]], Awaitable[StudioOutcome]]
"""Runs a command on a request in a transaction of the workspace with the id."""


class Studios:
    """The commands of users on Studios. Every method raises the errors of its command, besides IdempotencyKeyReused."""

    def __init__(
        self, runner: CommandRunner, policy: TimePolicy, seal: Seal, installation: str, wakes: WakeSource, conda: CondaImages | None = None
    ) -> None:
        conda = conda or CondaImages()
        self._runner = runner
        self._recheck = CheckpointRecheck(runner.database, wakes)
        self._image_builds = ImageBuilds(policy)
        self._start = StartStudio(policy, seal, conda)
        self._stop = StopStudio(policy)
        self._force_stop = ForceStopStudio(policy, installation)
        self._create = CreateStudio(policy, seal, self._start, conda)
        self._clone = CloneStudio(policy, seal, self._start)
        self._migrate = MigrateStudio(self._start)
        self._update = UpdateStudio(seal, conda)
        self._delete = DeleteStudio(installation)
        self._discard_migration = DiscardMigration(installation, self._delete)

    async def create(self, viewer: Viewer, request: CreateStudioRequest) -> StudioOutcome:
        call = _call(viewer, "createStudio", Permission.STUDIO_CREATE, request)
        return await self._run_start(call, request, request.workspace_id, self._create)

    async def clone(self, viewer: Viewer, request: CloneStudioRequest) -> StudioOutcome:
        """Makes a new Studio from another one (B40). Has missing data of the checkpoint looked for once more before it refuses."""
        call = _call(viewer, "cloneStudio", Permission.STUDIO_CLONE, request)
        workspace_id = await self._workspace_of_source(request)
        try:
            return await self._run_start(call, request, workspace_id, self._clone)
        except CheckpointDataMissing as error:
            await self._recheck(error.checkpoint_id)
            return await self._run_start(call, request, workspace_id, self._clone)

    async def plan_clone(self, reader: Reader, viewer: Viewer, request: CloneStudioRequest) -> ClonePlan:
        """Returns what `clone` would create, without effect (B43). Raises what `clone` would."""
        require_scope(MATRIX[Permission.STUDIO_CLONE].scope, viewer.scopes)
        return await self._clone.preview(reader, viewer, request)

    async def _workspace_of_source(self, request: CloneStudioRequest) -> str:
        if request.studio_id is not None:
            return await rights.workspace_of(self._runner.database, request.studio_id)
        async with self._runner.database.read() as reader:
            checkpoint = await checkpoints.find(reader, request.checkpoint_id or "")
        if checkpoint is None:
            raise Resource.CHECKPOINT.not_found()
        return checkpoint.workspace_id

    async def migrate(self, viewer: Viewer, request: MigrateStudioRequest) -> StudioOutcome:
        """Migrates a Studio to a newer template (B74). Has missing data of the checkpoint looked for once more before it refuses."""
        call = _call(viewer, "migrateStudio", Permission.STUDIO_CLONE, request)
        workspace_id = await self._workspace(request)
        try:
            return await self._run_start(call, request, workspace_id, self._migrate)
        except CheckpointDataMissing as error:
            await self._recheck(error.checkpoint_id)
            return await self._run_start(call, request, workspace_id, self._migrate)

    async def plan_migration(self, reader: Reader, viewer: Viewer, request: MigrateStudioRequest) -> MigrationPlan:
        """Returns what `migrate` would do, without effect, and what blocks it (B73). Raises NotFound for an original that is not seen."""
        plan = await make_plan(reader, viewer, request, self._start.conda)
        await check_quotas(reader, viewer, plan)
        return plan

    async def discard_migration(self, viewer: Viewer, request: DiscardMigrationRequest) -> StudioOutcome:
        """Deletes the Studio that a migration made (B75)."""
        return await self._on_studio(viewer, "discardMigration", Permission.STUDIO_DELETE, request, self._discard_migration)

    async def start(self, viewer: Viewer, request: StartStudioRequest) -> StudioOutcome:
        return await self._starting(viewer, "startStudio", request, self._start, self._start.as_accepted)

    async def prepare_image(self, workspace_id: str, template_id: str, environment_id: str) -> None:
        """Queues a build of the template's image, if it is built here and does not exist. No Studio waits for it."""
        async with outbox.stream_transaction(self._runner.database, workspace_id) as transaction:
            template = await templates.find(transaction, template_id)
            environment = await compute_environments.find(transaction, environment_id)
            if template is not None and environment is not None:
                await self._image_builds.ensure(transaction, Actor.system("preparation"), BuiltImage.of_template(template), environment)

    async def stop(self, viewer: Viewer, request: StopStudioRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "stopStudio", Permission.STUDIO_STOP, request, self._stop)

    async def update(self, viewer: Viewer, request: UpdateStudioRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "updateStudio", Permission.STUDIO_EDIT, request, self._update)

    async def delete(self, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "deleteStudio", Permission.STUDIO_DELETE, request, self._delete)

    async def retry_build(self, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        return await self._starting(viewer, "retryBuild", request, self._start.retry_build, self._start.retry_build_as_accepted)

    async def force_stop(self, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "forceStopStudio", Permission.STUDIO_STOP, request, self._force_stop)

    async def set_labels(self, viewer: Viewer, request: SetLabelsRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "setLabels", Permission.STUDIO_EDIT, request, set_labels)

    async def star(self, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "starStudio", Permission.STUDIO_STAR, request, _star)

    async def unstar(self, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "unstarStudio", Permission.STUDIO_STAR, request, _unstar)

    async def _starting(
        self, viewer: Viewer, mutation: str, request: Any, command: Command[Any], as_accepted: Command[Any]
    ) -> StudioOutcome:
        """Has an INVALID newest checkpoint looked for once more before it refuses, or starts from an older one as the request accepts."""
        try:
            return await self._on_studio(viewer, mutation, Permission.STUDIO_START, request, command, self._run_start)
        except CheckpointDataMissing as error:
            await self._recheck(error.checkpoint_id)
            return await self._on_studio(viewer, mutation, Permission.STUDIO_START, request, as_accepted, self._run_start)

    async def _on_studio(
        self, viewer: Viewer, mutation: str, permission: Permission, request: Any, command: Command[Any], run: Run | None = None
    ) -> StudioOutcome:
        call = _call(viewer, mutation, permission, request)
        try:
            workspace_id = await self._workspace(request)
        except NotFound:
            recorded = await self._runner.recorded(call)
            if recorded is None:
                raise
            return StudioOutcome(**recorded)
        return await (run or self._run)(call, request, workspace_id, command)

    async def _run_start(self, call: MutationCall, request: Any, workspace_id: str, command: Command[Any]) -> StudioOutcome:
        """Runs a command that may start a session, and so may wait for the lock of the organization (`quotas.lock_limited_organization`).

        The commands of this process wait for each other before they take a connection: a process that is frozen with the lock costs this
        one a single connection, and not one for each workspace.
        """
        async with self._runner.database.read() as reader:
            organization_id = await quotas.limited_organization(reader, workspace_id)
        async with self._runner.database.queue(organization_id) if organization_id else nullcontext():
            return await self._run(call, request, workspace_id, command)

    async def _workspace(self, request: OnStudio) -> str:
        return await rights.workspace_of(self._runner.database, request.studio_id)

    async def _run(self, call: MutationCall, request: Any, workspace_id: str, command: Command[Any]) -> StudioOutcome:
        async def run(transaction: Transaction) -> dict[str, Any]:
            return asdict(await command(transaction, call.viewer, request))

        return StudioOutcome(**await self._runner.run(call, workspace_id, run))


def _call(viewer: Viewer, mutation: str, permission: Permission, request: Any) -> MutationCall:
    """Raises Forbidden if the viewer's token lacks the scope that `permission` needs, before anything is read."""
    return MutationCall(viewer, mutation, MATRIX[permission].scope, request.idempotency_key, idempotency_input(request))


async def _star(transaction: Transaction, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
    studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_STAR)
    if await studios.star(transaction, studio.id, viewer.user_id):
        await _log_star(transaction, viewer, studio)
    return StudioOutcome(studio.id)


async def _unstar(transaction: Transaction, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
    studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_STAR)
    if await studios.unstar(transaction, studio.id, viewer.user_id):
        await _log_star(transaction, viewer, studio)
    return StudioOutcome(studio.id)


async def _log_star(transaction: Transaction, viewer: Viewer, studio: StudioState) -> None:
    """Appends the event that updates the user's own open lists; no other user gets it."""
    event = StarChanged().event(viewer.actor, studio.id, studio.name, viewer.user_id)
    await outbox.append(transaction, studio.workspace_id, [event])
