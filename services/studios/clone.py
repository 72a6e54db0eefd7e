"""Makes a new Studio from a checkpoint of another one: "Add as new" (B40 to B44)."""

from dataclasses import dataclass
from typing import Any

from services.authorization import require_in_workspace
from services.domain.access import Permission, Resource, Viewer
from services.domain.problems import Problems, invalid
from services.domain.time_policy import TimePolicy
from services.domain.unset import UNSET
from services.quotas.admission import check
from services.secrets.env_vars import Seal
from services.store import checkpoints, compute_environments, inheritance, labels, templates
from services.store.compute_environments import EnvironmentState, WorkspaceSettings
from services.store.db.database import Reader, Transaction
from services.store.templates import TemplateState
from services.studios import configuration, template_rules, validation
from services.studios.clone_source import CloneSource, source_checkpoint, source_environment, source_studio
from services.studios.requests import CloneStudioRequest, StudioOutcome
from services.studios.start import StartStudio
from services.studios.studio_rows import NewStudio, add_studio, require_free_name

LOCKED_FIELDS = ("template_id", "compute_environment_id", "conda_environment", "lifespan_hours")
"""What a clone has from its source, besides the source itself (B42)."""


@dataclass(frozen=True, slots=True)
class ClonePlan:
    """The Studio that a clone would be, whose checks have passed."""

    source: CloneSource
    environment: EnvironmentState
    new: NewStudio


@dataclass(frozen=True, slots=True)
class CloneStudio:
    """Clones Studios, and starts the clones if the request says so. Sources are read only."""

    policy: TimePolicy
    seal: Seal
    start_studio: StartStudio

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: CloneStudioRequest) -> StudioOutcome:
        """Raises what `plan` raises, and ResourceQuotaExceeded."""
        plan = await self.plan(transaction, viewer, request)
        studio = await add_studio(transaction, viewer, plan.new)
        await inheritance.inherit(transaction, studio.id, plan.source.checkpoint.id)
        if plan.source.studio is not None:
            await labels.copy(transaction, plan.source.studio.id, studio.id)
        if not request.auto_start:
            return StudioOutcome(studio.id)
        started = await self.start_studio.begin(transaction, viewer, studio, {})
        return StudioOutcome(studio.id, started.operation_id)

    async def preview(self, reader: Reader, viewer: Viewer, request: CloneStudioRequest) -> ClonePlan:
        """Returns what would be created. Raises what the command would."""
        plan = await self.plan(reader, viewer, request)
        if request.auto_start:
            defaults = configuration.default_resources(plan.environment)
            await check(reader, viewer, plan.environment, plan.new.configuration, defaults)
        return plan

    async def plan(self, reader: Reader, viewer: Viewer, request: CloneStudioRequest) -> ClonePlan:
        """Returns what would be created. Raises NotFound, Forbidden, InvalidInput, NameTaken, NotAllowedNow, CheckpointDataMissing."""
        source = await find_source(reader, viewer, request)
        checkpoint = source.checkpoint
        template = await _template(reader, source)
        environment = await source_environment(reader, source, "from")
        settings = await compute_environments.settings(reader, checkpoint.workspace_id)
        stored = source.studio.environment if source.studio else []
        problems = Problems()
        for field in request.locked:
            problems.add(field, "LOCKED", f"A clone has the {field.replace('_', ' ')} of its source. Leave the field out.")
        problems.check_name(request.name)
        description = None if request.description is UNSET else request.description
        validation.check_description(problems, description)
        validation.check_configuration(problems, request.configuration, environment, settings, stored)
        problems.raise_any()
        await require_free_name(reader, checkpoint.workspace_id, request.name)
        values = configuration.merged(self._base(source, environment, settings), request.configuration, self.seal, stored)
        if request.description is UNSET and source.studio is not None:
            description = source.studio.description
        new = NewStudio(checkpoint.workspace_id, request.name, description, template.id, environment.id, values, checkpoint.id)
        return ClonePlan(source, environment, new)

    def _base(self, source: CloneSource, environment: EnvironmentState, settings: WorkspaceSettings) -> dict[str, Any]:
        """Returns the configuration of the source; the defaults if its Studio was deleted."""
        if source.studio is not None:
            return {name: getattr(source.studio, name) for name in (*configuration.FIELDS, "conda_environment")}
        return configuration.defaults(environment, settings, self.policy.lifespan_hours)


async def find_source(reader: Reader, viewer: Viewer, request: CloneStudioRequest) -> CloneSource:
    """Returns what the clone is made from. Raises NotFound, Forbidden, InvalidInput, NotAllowedNow, CheckpointDataMissing."""
    if request.studio_id is not None:
        return await source_studio(reader, viewer, request.studio_id)
    checkpoint = await checkpoints.find(reader, request.checkpoint_id or "")
    if checkpoint is None:
        raise Resource.CHECKPOINT.not_found()
    await require_in_workspace(reader, viewer, checkpoint.workspace_id, Permission.STUDIO_CLONE, Resource.CHECKPOINT)
    return await source_checkpoint(reader, viewer, checkpoint)


async def _template(reader: Reader, source: CloneSource) -> TemplateState:
    template_id = source.studio.template_id if source.studio else source.checkpoint.template_id
    template = await templates.find(reader, template_id) if template_id else None
    if template is None:
        raise invalid("from", "TEMPLATE_REMOVED", "The template of the checkpoint was removed, so that no Studio can be made from it.")
    await template_rules.require_usable(reader, template, "from", accept_experimental=True)  # as whoever made the source accepted it
    return template
