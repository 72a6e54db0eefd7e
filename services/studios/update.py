"""Edits a Studio that has ended (B14, B15, B95)."""

from dataclasses import dataclass
from typing import Any

from services.domain.access import Permission, Viewer
from services.domain.event_payloads import StudioEdited
from services.domain.lifecycle import Action
from services.domain.names import name_key
from services.domain.problems import Problems
from services.domain.unset import UNSET, Maybe
from services.secrets.env_vars import Seal
from services.store import checkpoints, compute_environments, outbox, sessions, studios, templates
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import configuration, rights, validation
from services.studios.conda_images import FIELD, CondaImages
from services.studios.requests import StudioOutcome, UpdateStudioRequest
from services.studios.status_rules import require_status
from services.studios.studio_rows import NameTaken


@dataclass(frozen=True, slots=True)
class UpdateStudio:
    """Edits Studios. Each edit that changes something makes a new revision."""

    seal: Seal
    conda: CondaImages

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: UpdateStudioRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, StaleRevision, NotAllowedNow, InvalidInput, NameTaken."""
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_EDIT)
        require_status(studio, Action.EDIT)
        rights.check_revision(studio, request.expected_revision)
        await self._validate(transaction, studio, request)
        values = self._values(studio, request)
        if values:
            await studios.change(transaction, studio.id, **values, revision=studio.revision + 1)
            payload = StudioEdited(studio.revision + 1, tuple(sorted(set(values) - {"name_key"})))
            event = payload.event(viewer.actor, studio.id, values.get("name", studio.name))
            await outbox.append(transaction, studio.workspace_id, [event])
        return StudioOutcome(studio.id)

    def _values(self, studio: StudioState, request: UpdateStudioRequest) -> dict[str, Any]:
        """Returns the requested values that differ from the stored ones. Values that are sealed anew always differ."""
        values = configuration.merged({}, request.configuration, self.seal, studio.environment)
        if request.name is not UNSET:
            values |= {"name": request.name.strip()}
        if request.description is not UNSET:
            values["description"] = request.description
        if request.conda_environment is not UNSET:
            values["conda_environment"] = request.conda_environment
        values = {name: value for name, value in values.items() if value != getattr(studio, name)}
        return values | ({"name_key": name_key(values["name"])} if "name" in values else {})

    async def _validate(self, transaction: Transaction, studio: StudioState, request: UpdateStudioRequest) -> None:
        problems = Problems()
        if request.name is not UNSET:
            problems.check_name(request.name)
        if request.description is not UNSET:
            validation.check_description(problems, request.description)
        environment = await compute_environments.find(transaction, studio.compute_environment_id or "")
        settings = await compute_environments.settings(transaction, studio.workspace_id)
        validation.check_configuration(problems, request.configuration, environment, settings, studio.environment)
        await self._check_conda_environment(problems, transaction, studio, environment, request.conda_environment)
        problems.raise_any()
        if request.name is not UNSET and await studios.name_taken(
            transaction, studio.workspace_id, name_key(request.name), except_id=studio.id
        ):
            raise NameTaken(request.name.strip())

    async def _check_conda_environment(
        self,
        problems: Problems,
        transaction: Transaction,
        studio: StudioState,
        environment: EnvironmentState | None,
        text: Maybe[str | None],
    ) -> None:
        """Checks an environment that is to take the place of the present one: saved files contain the present one, and keep it (B76)."""
        if text is UNSET or text == studio.conda_environment:
            return
        if await _has_files(transaction, studio):
            message = (
                "The Studio has saved files, with which its next session starts, so that its Conda packages can no longer be changed. "
                "Install further packages in a session, or create a new Studio."
            )
            problems.add(FIELD, "LOCKED", message)
        elif text is not None:
            template = await templates.find(transaction, studio.template_id)
            assert template is not None
            self.conda.check(problems, text, template, environment)


async def _has_files(transaction: Transaction, studio: StudioState) -> bool:
    """Returns whether the next session starts with files: from a checkpoint, or from those of a session that is still to be saved."""
    if studio.parent_checkpoint_id or await sessions.unsaved(transaction, studio.id):
        return True
    return await checkpoints.newest_with_data(transaction, studio.id) is not None
