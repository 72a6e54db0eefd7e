"""Starts a Studio: adds a session and its checkpoint (B1, B10, B12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.authorization import require_on_studio
from services.domain.access import Permission, Viewer
from services.domain.errors import Conflict, NotAllowedNow
from services.domain.event_payloads import StudioEdited
from services.domain.ids import new_id
from services.domain.lifecycle import Action, Trigger, status_refusal
from services.domain.problems import Problems, invalid
from services.domain.statuses import OperationKind, StudioStatus
from services.domain.time_policy import TimePolicy
from services.domain.unset import UNSET
from services.quotas.admission import admit
from services.secrets.env_vars import Seal
from services.store import checkpoints, compute_environments, outbox, sessions, studios, templates
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.store.templates import TemplateState
from services.studios import configuration, rights, validation
from services.studios.checkpoint_rows import add_checkpoint
from services.studios.conda_images import CondaImages
from services.studios.image_builds import BuiltImage, ImageBuilds
from services.studios.progress import Step
from services.studios.requests import StartStudioRequest, StudioActionRequest, StudioOutcome
from services.studios.start_base import start_base
from services.studios.status_rules import is_repeat, require_status
from services.studios.transitions import begin_operation, move

BUILDING_MESSAGE = "The image is being built. The Studio starts by itself afterwards."


@dataclass(frozen=True, slots=True)
class StartStudio:
    """Starts Studios: writes the intent, the new session and its checkpoint; the controller then starts the session."""

    policy: TimePolicy
    seal: Seal
    conda: CondaImages

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: StartStudioRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, StaleRevision, Conflict (stopping), NotAllowedNow (overrides while it runs), InvalidInput,
        ResourceQuotaExceeded, and CheckpointDataMissing, whatever the request accepts: the data may be back, and is looked for first."""
        return await self._start(transaction, viewer, request, accept_older=False)

    async def as_accepted(self, transaction: Transaction, viewer: Viewer, request: StartStudioRequest) -> StudioOutcome:
        """Does the same, from an older checkpoint if the newest is missing and the request accepts that."""
        return await self._start(transaction, viewer, request, accept_older=request.accept_older_checkpoint)

    async def _start(self, transaction: Transaction, viewer: Viewer, request: StartStudioRequest, *, accept_older: bool) -> StudioOutcome:
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_START)
        await self._check_override_rights(transaction, viewer, studio, request)
        rights.check_revision(studio, request.expected_revision)
        if is_repeat(studio, Action.START):
            return await self._repeated(transaction, studio, request)
        refusal = status_refusal(studio.status, Action.START)
        if refusal is not None:
            raise Conflict(refusal)
        overrides = await self._overrides(transaction, studio, request)
        if request.save and not request.configuration.is_empty:
            studio = await _save_overrides(transaction, viewer, studio, overrides)
        started = await self.begin(
            transaction, viewer, studio, overrides, from_checkpoint_id=request.from_checkpoint_id, accept_older=accept_older
        )
        return StudioOutcome(studio.id, started.operation_id)

    async def retry_build(self, transaction: Transaction, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        """Builds the image of a BUILD_FAILED Studio again, and starts it. Repeated while it builds, it changes nothing (B12, B76).

        Raises NotFound, Forbidden, StaleRevision, NotAllowedNow, ResourceQuotaExceeded, and CheckpointDataMissing, whatever the request
        accepts.
        """
        return await self._retry_build(transaction, viewer, request, accept_older=False)

    async def retry_build_as_accepted(self, transaction: Transaction, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        """Does the same, from an older checkpoint if the newest is missing and the request accepts that."""
        return await self._retry_build(transaction, viewer, request, accept_older=request.accept_older_checkpoint)

    async def _retry_build(
        self, transaction: Transaction, viewer: Viewer, request: StudioActionRequest, *, accept_older: bool
    ) -> StudioOutcome:
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_START)
        rights.check_revision(studio, request.expected_revision)
        if is_repeat(studio, Action.RETRY_BUILD):
            return StudioOutcome(studio.id, studio.operation_id)
        require_status(studio, Action.RETRY_BUILD)
        started = await self.begin(transaction, viewer, studio, {}, accept_older=accept_older)
        return StudioOutcome(studio.id, started.operation_id)

    async def _check_override_rights(
        self, transaction: Transaction, viewer: Viewer, studio: StudioState, request: StartStudioRequest
    ) -> None:
        """Raises Forbidden without the right to edit, if the request saves its overrides or contains environment variables (B1)."""
        if request.save or request.configuration.env_vars is not UNSET:
            await require_on_studio(transaction, viewer, studio.id, Permission.STUDIO_EDIT)

    async def _repeated(self, transaction: Transaction, studio: StudioState, request: StartStudioRequest) -> StudioOutcome:
        """Returns the outcome of a repeated start. Raises NotAllowedNow for overrides and for another checkpoint than that of the session,
        which would have no effect (B1)."""
        if not request.configuration.is_empty:
            raise _too_late(studio, "its configuration cannot change now", "with the overrides")
        session = await sessions.find(transaction, studio.id, studio.session_number)
        if request.from_checkpoint_id is not None and session is not None and session.base_checkpoint_id != request.from_checkpoint_id:
            raise _too_late(studio, "it cannot start from another checkpoint now", "from the checkpoint")
        return StudioOutcome(studio.id, studio.operation_id)

    async def _overrides(self, transaction: Transaction, studio: StudioState, request: StartStudioRequest) -> dict[str, Any]:
        if request.configuration.is_empty:
            return {}
        environment = await _usable_environment(transaction, studio)
        problems = Problems()
        settings = await compute_environments.settings(transaction, studio.workspace_id)
        validation.check_configuration(problems, request.configuration, environment, settings, studio.environment)
        problems.raise_any()
        return configuration.merged({}, request.configuration, self.seal, studio.environment)

    async def begin(
        self,
        transaction: Transaction,
        viewer: Viewer,
        studio: StudioState,
        overrides: Mapping[str, Any],
        *,
        from_checkpoint_id: str | None = None,
        accept_older: bool = False,
    ) -> StudioState:
        """Begins a session of an ended Studio, with `overrides` of its configuration. Raises InvalidInput without a usable environment,
        ResourceQuotaExceeded, CheckpointDataMissing, and NotFound for a checkpoint of another Studio."""
        environment = await _usable_environment(transaction, studio)
        settings = await compute_environments.settings(transaction, studio.workspace_id)
        requested = configuration.of_session(studio, overrides, settings)
        session_configuration = await admit(transaction, viewer, environment, requested, configuration.default_resources(environment))
        template = await templates.find(transaction, studio.template_id)
        assert template is not None
        base_id = await start_base(transaction, studio, chosen_id=from_checkpoint_id, accept_older=accept_older)
        image = BuiltImage.of_template(template)
        if studio.conda_environment is not None:
            image = await self._conda_image(transaction, template, studio.conda_environment, base_id)
            session_configuration |= {"image": image.reference if image else None}
        build = await ImageBuilds(self.policy).ensure(transaction, viewer.actor, image, environment)
        is_building = build is not None or studio.status is StudioStatus.BUILD_FAILED
        is_chosen = from_checkpoint_id is not None
        session_number = await self._add_session(
            transaction, viewer, studio, environment, session_configuration, base_id, chosen_base=is_chosen
        )
        deadline = build.deadline if build else transaction.now + self.policy.start_deadline
        first = (Step.BUILD,) if is_building else ()
        values: dict[str, Any] = {
            "desired": StudioStatus.RUNNING.value,
            "session_number": session_number,
            "operation_id": await begin_operation(transaction, studio, OperationKind.START, viewer.actor, deadline, *first),
            "build_id": build.id if build else None,
            "deadline": deadline,
            "due_at": transaction.now,
            "last_started_at": transaction.now,
        }
        if is_building:
            return await move(transaction, studio, Trigger.START_BUILDING, viewer.actor, BUILDING_MESSAGE, **values)
        return await move(transaction, studio, Trigger.START, viewer.actor, "Starting.", **values)

    async def _conda_image(self, transaction: Transaction, template: TemplateState, text: str, base_id: str | None) -> BuiltImage | None:
        """Returns the image with the packages; None where the session starts from a checkpoint, which contains them (B42).

        The checkpoint of a migration is still to be put over the new template, with packages (B74).
        """
        base = await checkpoints.find(transaction, base_id) if base_id is not None else None
        return self.conda.image(template, text) if base is None or base.awaits_files else None

    async def _add_session(
        self,
        transaction: Transaction,
        viewer: Viewer,
        studio: StudioState,
        environment: EnvironmentState,
        session_configuration: dict[str, Any],
        base_id: str | None,
        *,
        chosen_base: bool,
    ) -> int:
        """Adds the rows of the session and of its checkpoint. Returns the session's number."""
        number = studio.session_number + 1
        values = {
            "id": new_id(),
            "studio_id": studio.id,
            "number": number,
            "compute_environment_id": environment.id,
            "template_id": studio.template_id,
            "started_by": viewer.user_id,
            "configuration": session_configuration,
            **{name: session_configuration[name] for name in ("cpu", "memory_mib", "gpu")},
            "checkpoint_id": await add_checkpoint(transaction, viewer, studio, environment.id, studio.template_id, number, base_id),
            "base_checkpoint_id": base_id,
            "chosen_base": chosen_base,
        }
        await sessions.add(transaction, values)
        return number


def _too_late(studio: StudioState, refusal: str, wish: str) -> NotAllowedNow:
    state, advice = ("running", "Stop it first") if studio.status is StudioStatus.RUNNING else ("starting", "Stop it once it is running")
    message = f"The Studio is already {state}, so {refusal}. {advice}, then start it {wish}."
    return NotAllowedNow(message, status=studio.status.value, until=studio.deadline)


async def _usable_environment(transaction: Transaction, studio: StudioState) -> EnvironmentState:
    environment_id = studio.compute_environment_id
    environment = await compute_environments.find(transaction, environment_id) if environment_id else None
    if environment is None:
        message = "The compute environment of this Studio was deleted. Create a new Studio in another one."
        raise invalid("compute_environment_id", "DELETED", message)
    if not environment.enabled:
        message = f"The compute environment {environment.name} is disabled. Ask an administrator to enable it."
        raise invalid("compute_environment_id", "DISABLED", message)
    return environment


async def _save_overrides(transaction: Transaction, viewer: Viewer, studio: StudioState, values: Mapping[str, Any]) -> StudioState:
    await studios.change(transaction, studio.id, **values, revision=studio.revision + 1)
    payload = StudioEdited(studio.revision + 1, tuple(sorted(values)))
    await outbox.append(transaction, studio.workspace_id, [payload.event(viewer.actor, studio.id, studio.name)])
    edited = await studios.find(transaction, studio.id)
    assert edited is not None
    return edited
