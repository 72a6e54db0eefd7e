"""The commands on Studios, as resolvers call them: each in one transaction, once per idempotency key (B95)."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from services.commands import CommandRunner
from services.domain.access import Permission, Viewer
from services.domain.actor import Actor
from services.domain.errors import NotFound
from services.domain.events import Kind, NewEvent
from services.domain.policy import Policy
from services.store import compute_environments, outbox, studios, templates
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights
from services.studios.building import Images
from services.studios.configuration import Seal
from services.studios.create import CreateStudio
from services.studios.delete import delete
from services.studios.force_stop import ForceStopStudio
from services.studios.inputs import (
    CreateStudioRequest,
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
    """An input that names the Studio it acts on."""

    @property
    def studio_id(self) -> str: ...

    @property
    def idempotency_key(self) -> str | None: ...


G = TypeVar("G")
Body = Callable[[Transaction, Viewer, G], Awaitable[StudioOutcome]]


class Studios:
    """What people do to Studios. Every method raises the errors of its command, besides IdempotencyKeyReused."""

    def __init__(self, runner: CommandRunner, policy: Policy, seal: Seal) -> None:
        self._runner = runner
        self._images = Images(policy)
        self._starter = StartStudio(policy, seal)
        self._stopper = StopStudio(policy)
        self._forcer = ForceStopStudio(policy)
        self._creator = CreateStudio(policy, seal, self._starter)
        self._editor = UpdateStudio(seal)

    async def create(self, viewer: Viewer, given: CreateStudioRequest) -> StudioOutcome:
        return await self._run(viewer, "createStudio", given, given.idempotency_key, given.workspace_id, self._creator)

    async def start(self, viewer: Viewer, given: StartStudioRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "startStudio", given, self._starter)

    async def prepare_image(self, workspace_id: str, template_id: str, environment_id: str) -> None:
        """Have the template's image built in the background, if it is built and is not there; nobody waits for it."""
        async with self._runner.database.write() as transaction:
            await outbox.lock_stream(transaction, workspace_id)
            template = await templates.find(transaction, template_id)
            environment = await compute_environments.find(transaction, environment_id)
            if template is not None and environment is not None:
                await self._images.awaited(transaction, Actor.system("preparation"), template, environment)

    async def stop(self, viewer: Viewer, given: StopStudioRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "stopStudio", given, self._stopper)

    async def update(self, viewer: Viewer, given: UpdateStudioRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "updateStudio", given, self._editor)

    async def delete(self, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "deleteStudio", given, delete)

    async def retry_build(self, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "retryBuild", given, self._starter.retry_build)

    async def force_stop(self, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "forceStopStudio", given, self._forcer)

    async def star(self, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "starStudio", given, _star)

    async def unstar(self, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
        return await self._on_studio(viewer, "unstarStudio", given, _unstar)

    async def _on_studio(self, viewer: Viewer, mutation: str, given: Any, body: Body[Any]) -> StudioOutcome:
        try:
            workspace_id = await self._workspace(given)
        except NotFound:
            recorded = await self._runner.recorded(viewer, mutation, given.idempotency_key, _asked(given))
            if recorded is None:
                raise
            return StudioOutcome(**recorded)
        return await self._run(viewer, mutation, given, given.idempotency_key, workspace_id, body)

    async def _workspace(self, given: OnStudio) -> str:
        return await rights.workspace_of(self._runner.database, given.studio_id)

    async def _run(self, viewer: Viewer, mutation: str, given: Any, key: str | None, workspace_id: str, body: Body[Any]) -> StudioOutcome:
        async def run(transaction: Transaction) -> dict[str, Any]:
            return asdict(await body(transaction, viewer, given))

        return StudioOutcome(**await self._runner.run(viewer, mutation, key, _asked(given), workspace_id, run))


def _asked(given: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(given).items() if name != "idempotency_key"}


async def _star(transaction: Transaction, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
    studio = await rights.studio_for(transaction, viewer, given.studio_id, Permission.STUDIO_STAR)
    if await studios.star(transaction, studio.id, viewer.user_id):
        await _log_star(transaction, viewer, studio)
    return StudioOutcome(studio.id)


async def _unstar(transaction: Transaction, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
    studio = await rights.studio_for(transaction, viewer, given.studio_id, Permission.STUDIO_STAR)
    if await studios.unstar(transaction, studio.id, viewer.user_id):
        await _log_star(transaction, viewer, studio)
    return StudioOutcome(studio.id)


async def _log_star(transaction: Transaction, viewer: Viewer, studio: StudioState) -> None:
    """For the user's own open lists; nobody else is shown it."""
    event = NewEvent(Kind.STAR, viewer.actor, {}, studio.id, studio.name, viewer.user_id)
    await outbox.append(transaction, studio.workspace_id, [event])
