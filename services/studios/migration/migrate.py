"""Migrates a Studio: adds a new one that begins with its files over a newer template, and starts it (B74)."""

from dataclasses import dataclass

from services.domain.access import Viewer
from services.store import inheritance, labels
from services.store.checkpoints import MIGRATION_SESSION
from services.store.db.database import Transaction
from services.store.migration_attempts import NewAttempt
from services.studios.checkpoint_rows import add_checkpoint
from services.studios.migration import attempts
from services.studios.migration.plan import make_plan
from services.studios.requests import MigrateStudioRequest, StudioOutcome
from services.studios.start import StartStudio
from services.studios.studio_rows import add_studio


@dataclass(frozen=True, slots=True)
class MigrateStudio:
    """Adds and starts the new Studio. The original is only read.

    The files are put over the new template by the controller, before the first session starts: their checkpoint is added here as EMPTY, so
    that what a crash leaves is found by its row.
    """

    start_studio: StartStudio

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: MigrateStudioRequest) -> StudioOutcome:
        """Raises the blockers of `make_plan`, and ResourceQuotaExceeded."""
        plan = await make_plan(transaction, viewer, request, self.start_studio.conda)
        new = plan.new_studio()
        studio = await add_studio(transaction, viewer, new)
        source_id = new.parent_checkpoint_id
        assert source_id is not None
        await inheritance.inherit(transaction, studio.id, source_id)
        await labels.copy(transaction, plan.original.id, studio.id)
        ids = (new.compute_environment_id, new.template_id)
        checkpoint_id = await add_checkpoint(transaction, viewer, studio, *ids, MIGRATION_SESSION, source_id)
        attempt = NewAttempt(
            workspace_id=studio.workspace_id,
            original_id=plan.original.id,
            original_name=plan.original.name,
            studio_id=studio.id,
            studio_name=studio.name,
            source_checkpoint_id=source_id,
            checkpoint_id=checkpoint_id,
            from_template_id=plan.current.id,
            to_template_id=new.template_id,
            actor=viewer.actor.to_json(),
        )
        await attempts.begin(transaction, viewer.actor, attempt)
        started = await self.start_studio.begin(transaction, viewer, studio, {})
        return StudioOutcome(studio.id, started.operation_id)
