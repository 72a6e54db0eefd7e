"""Creates a Studio (B11)."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.authorization import require_in_workspace
from services.domain.access import Permission, Viewer
from services.domain.compute_kinds import spec_of
from services.domain.errors import InvalidInput, NotFound
from services.domain.labels import check_labels
from services.domain.problems import Problems, invalid
from services.domain.time_policy import TimePolicy
from services.secrets.env_vars import Seal
from services.store import compute_environments, labels, templates
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.store.templates import TemplateState
from services.studios import configuration, template_rules, validation
from services.studios.conda_images import CondaImages
from services.studios.requests import CreateStudioRequest, StudioOutcome
from services.studios.start import StartStudio
from services.studios.studio_rows import NewStudio, add_studio, require_free_name


@dataclass(frozen=True, slots=True)
class CreateStudio:
    """Creates Studios, and starts them if the request says so."""

    policy: TimePolicy
    seal: Seal
    start_studio: StartStudio
    conda: CondaImages

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: CreateStudioRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, InvalidInput, NameTaken, ResourceQuotaExceeded."""
        await require_in_workspace(transaction, viewer, request.workspace_id, Permission.STUDIO_CREATE)
        template = await _template(transaction, request)
        environment = await _environment(transaction, request, template)
        settings = await compute_environments.settings(transaction, request.workspace_id)
        problems = Problems()
        problems.check_name(request.name)
        validation.check_description(problems, request.description)
        validation.check_configuration(problems, request.configuration, environment, settings, [])
        check_labels(problems, request.labels)
        if request.conda_environment is not None:
            self.conda.check(problems, request.conda_environment, template, environment)
        problems.raise_any()
        await require_free_name(transaction, request.workspace_id, request.name)
        base = configuration.defaults(environment, settings, self.policy.lifespan_hours)
        values = configuration.merged(base, request.configuration, self.seal, []) | {"conda_environment": request.conda_environment}
        new = NewStudio(request.workspace_id, request.name, request.description, request.template_id, environment.id, values)
        studio = await add_studio(transaction, viewer, new)
        await labels.replace(transaction, studio.id, request.labels)
        if not request.auto_start:
            return StudioOutcome(studio.id)
        started = await self.start_studio.begin(transaction, viewer, studio, {})
        return StudioOutcome(studio.id, started.operation_id)


async def _template(transaction: Transaction, request: CreateStudioRequest) -> TemplateState:
    template = await templates.find(transaction, request.template_id)
    if template is None or template.workspace_id != request.workspace_id:
        raise NotFound.absent("template in this workspace", field=("template_id",))
    await template_rules.require_usable(transaction, template, "template_id", accept_experimental=request.accept_experimental)
    return template


async def _environment(transaction: Transaction, request: CreateStudioRequest, template: TemplateState) -> EnvironmentState:
    """Returns the requested environment; if none is requested, the only one of the workspace that can run the template."""
    environments = await compute_environments.of_workspace(transaction, request.workspace_id)
    if request.compute_environment_id is None:
        return _only(
            [environment for environment in environments if environment.enabled and template.tool in spec_of(environment.kind).tools],
            template,
        )
    environment = next((candidate for candidate in environments if candidate.id == request.compute_environment_id), None)
    if environment is None:
        raise NotFound.absent("compute environment in this workspace", field=("compute_environment_id",))
    if not environment.enabled:
        raise _unusable("DISABLED", f"{environment.name} is disabled. Choose another compute environment.")
    if template.tool not in spec_of(environment.kind).tools:
        raise _unusable("TOOL", f"{environment.name} cannot run {template.name}. Choose another compute environment or template.")
    return environment


def _only(usable: Sequence[EnvironmentState], template: TemplateState) -> EnvironmentState:
    if len(usable) == 1:
        return usable[0]
    if usable:
        names = ", ".join(environment.name for environment in usable)
        raise _unusable("REQUIRED", f"Several compute environments can run {template.name}: say which ({names}).")
    raise _unusable("NONE", f"No compute environment of this workspace can run {template.name}. Ask an administrator to add one.")


def _unusable(code: str, message: str) -> InvalidInput:
    return invalid("compute_environment_id", code, message)
