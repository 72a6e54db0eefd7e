"""Creates a Studio (B11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.authorization import require_in_workspace
from services.domain.access import Permission, Viewer
from services.domain.compute_kinds import spec_of
from services.domain.errors import Conflict, InvalidInput, NotFound
from services.domain.event_payloads import StudioCreated
from services.domain.ids import new_id, new_public_id
from services.domain.names import name_key
from services.domain.problems import Problems, invalid
from services.domain.statuses import StudioStatus, TemplateStatus
from services.domain.time_policy import TimePolicy
from services.secrets.env_vars import Seal
from services.store import compute_environments, outbox, studios, templates
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.store.templates import TemplateState
from services.studios import configuration, validation
from services.studios.requests import CreateStudioRequest, StudioOutcome
from services.studios.start import StartStudio


class NameTaken(Conflict):
    """Another Studio of the workspace has this name (B15)."""

    code = "NAME_TAKEN"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a Studio called {name!r} in this workspace. Choose another name.", field=("name",))


@dataclass(frozen=True, slots=True)
class CreateStudio:
    """Creates Studios, and starts them if the request says so."""

    policy: TimePolicy
    seal: Seal
    start_studio: StartStudio

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: CreateStudioRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, InvalidInput, NameTaken."""
        await require_in_workspace(transaction, viewer, request.workspace_id, Permission.STUDIO_CREATE)
        template = await _template(transaction, request)
        environment = await _environment(transaction, request, template)
        settings = await compute_environments.settings(transaction, request.workspace_id)
        problems = Problems()
        problems.check_name(request.name)
        validation.check_description(problems, request.description)
        validation.check_configuration(problems, request.configuration, environment, settings, [])
        problems.raise_any()
        key = name_key(request.name)
        if await studios.name_taken(transaction, request.workspace_id, key):
            raise NameTaken(request.name.strip())
        base = configuration.defaults(environment, settings, self.policy.lifespan_hours)
        values = configuration.merged(base, request.configuration, self.seal, [])
        studio = await self._add(transaction, viewer, request, environment, values)
        if not request.auto_start:
            return StudioOutcome(studio.id)
        started = await self.start_studio.begin(transaction, viewer, studio, {})
        return StudioOutcome(studio.id, started.operation_id)

    async def _add(
        self,
        transaction: Transaction,
        viewer: Viewer,
        request: CreateStudioRequest,
        environment: EnvironmentState,
        configured: Mapping[str, Any],
    ) -> StudioState:
        name = request.name.strip()
        studio_id = new_id()
        values = {
            **configured,
            "id": studio_id,
            "public_id": new_public_id(),
            "workspace_id": request.workspace_id,
            "owner_id": viewer.user_id,
            "template_id": request.template_id,
            "compute_environment_id": environment.id,
            "name": name,
            "name_key": name_key(name),
            "description": request.description,
            "desired": StudioStatus.STOPPED.value,
            "status": StudioStatus.STOPPED.value,
        }
        await studios.add(transaction, values)
        created = StudioCreated(StudioStatus.STOPPED).event(viewer.actor, studio_id, name)
        await outbox.append(transaction, request.workspace_id, [created])
        studio = await studios.find(transaction, studio_id)
        assert studio is not None
        return studio


async def _template(transaction: Transaction, request: CreateStudioRequest) -> TemplateState:
    template = await templates.find(transaction, request.template_id)
    if template is None or template.workspace_id != request.workspace_id:
        raise NotFound.absent("template in this workspace", field=("template_id",))
    if template.status == TemplateStatus.UNSUPPORTED.value:
        message = f"{template.name} is no longer supported. Choose a recommended template."
        raise invalid("template_id", "UNSUPPORTED", message)
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
