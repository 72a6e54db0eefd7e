"""Plans a migration: what it would start from and lead to, how the templates differ, and what blocks it (B73)."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from services.authorization import require_on_studio
from services.domain.access import Permission, Resource, Viewer
from services.domain.errors import Conflict, DomainError, Forbidden
from services.domain.problems import check_name
from services.quotas.admission import check
from services.store import checkpoints, inheritance, migration_attempts, studios, templates
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Reader
from services.store.studios import StudioState
from services.store.templates import TemplateState
from services.studios import configuration
from services.studios.clone_source import CloneSource, source_checkpoint, source_environment, source_studio
from services.studios.conda_images import CondaImages
from services.studios.migration.names import free_name
from services.studios.migration.target import find_target, require_packages
from services.studios.requests import MigrateStudioRequest
from services.studios.studio_rows import NewStudio, require_free_name

SOURCE_FIELD = ("studio_id",)
T = TypeVar("T")


class MigrationInProgress(Conflict):
    """The Studio is being migrated already: the session of the new Studio is being started or checked."""

    code = "MIGRATION_IN_PROGRESS"


@dataclass(slots=True)
class MigrationPlan:
    """What a migration of `original` would do. What is None cannot be told, because of one of the `blockers`; without any, all is there."""

    original: StudioState
    current: TemplateState
    target: TemplateState | None = None
    source: CloneSource | None = None
    environment: EnvironmentState | None = None
    name: str = ""
    blockers: list[DomainError] = field(default_factory=list)

    async def collect(self, step: Awaitable[T]) -> T | None:
        """Returns the result of a part of the plan; an error of it becomes a blocker."""
        try:
            return await step
        except DomainError as error:
            self.blockers.append(error)
            return None

    def new_studio(self) -> NewStudio:
        """Returns the Studio to be added, with the configuration of the original. Raises the first blocker."""
        if self.blockers:
            raise self.blockers[0]
        assert self.target is not None
        assert self.source is not None
        assert self.environment is not None
        original = self.original
        values = {name: getattr(original, name) for name in (*configuration.FIELDS, "conda_environment")}
        ids = (self.target.id, self.environment.id)
        return NewStudio(original.workspace_id, self.name, original.description, *ids, values, self.source.checkpoint.id)


async def make_plan(reader: Reader, viewer: Viewer, request: MigrateStudioRequest, conda: CondaImages) -> MigrationPlan:
    """Returns the plan of what `migrateStudio` would do, apart from quotas. Raises NotFound for an original that the viewer cannot see."""
    forbidden: list[DomainError] = []
    try:
        await require_on_studio(reader, viewer, request.studio_id, Permission.STUDIO_CLONE)
    except Forbidden as error:
        forbidden.append(error)
    original = await studios.find(reader, request.studio_id)
    assert original is not None
    current = await templates.find(reader, original.template_id)
    assert current is not None
    plan = MigrationPlan(original, current, blockers=forbidden)
    if not forbidden:
        plan.source = await plan.collect(_source(reader, viewer, original, request.checkpoint_id))
    plan.target = await plan.collect(_target(reader, plan, request, conda))
    if plan.source is not None:
        plan.environment = await plan.collect(source_environment(reader, plan.source, ".".join(SOURCE_FIELD)))
    await plan.collect(_require_none_in_progress(reader, original))
    plan.name = await plan.collect(_name(reader, plan, request.name)) or ""
    return plan


async def check_quotas(reader: Reader, viewer: Viewer, plan: MigrationPlan) -> None:
    """Adds a blocker if a limit would refuse the first session. The command itself is refused under the locks of its start."""
    if not plan.blockers and plan.environment is not None:
        values = plan.new_studio().configuration
        await plan.collect(check(reader, viewer, plan.environment, values, configuration.default_resources(plan.environment)))


async def _target(reader: Reader, plan: MigrationPlan, request: MigrateStudioRequest, conda: CondaImages) -> TemplateState:
    target = await find_target(reader, plan.current, request.template_id, accept_experimental=request.accept_experimental)
    require_packages(plan.original, target, conda)
    return target


async def _source(reader: Reader, viewer: Viewer, original: StudioState, checkpoint_id: str | None) -> CloneSource:
    """Returns the chosen checkpoint, which the Studio saved or inherited, or the latest one."""
    if checkpoint_id is None:
        return await source_studio(reader, viewer, original.id)
    checkpoint = await checkpoints.find(reader, checkpoint_id)
    if checkpoint is None or not (checkpoint.studio_id == original.id or await inheritance.has(reader, original.id, checkpoint.id)):
        raise Resource.CHECKPOINT.not_found()
    return await source_checkpoint(reader, viewer, checkpoint)


async def _require_none_in_progress(reader: Reader, original: StudioState) -> None:
    """Raises MigrationInProgress, so that two calls at a time make one new Studio."""
    attempt = await migration_attempts.unfinished_of_original(reader, original.id)
    if attempt is not None:
        message = f"{original.name} is being migrated to the Studio {attempt.studio_name}. Wait for its result, or discard that migration."
        raise MigrationInProgress(message, field=SOURCE_FIELD)


async def _name(reader: Reader, plan: MigrationPlan, requested: str | None) -> str:
    """Returns the requested name, or a free one that tells the version. Raises InvalidInput, NameTaken."""
    if requested is None:
        return await free_name(reader, plan.original, plan.current, plan.target or plan.current)
    check_name(requested)
    await require_free_name(reader, plan.original.workspace_id, requested)
    return requested
