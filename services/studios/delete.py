"""Deletes a Studio at once and permanently (B20 to B22)."""

from dataclasses import dataclass

from services.domain.access import Permission, Viewer
from services.domain.event_payloads import StudioDeleted
from services.domain.lifecycle import Action
from services.domain.session_name import SessionName
from services.domain.statuses import MigrationState
from services.store import checkpoint_uses, cleanup_tasks, migration_attempts, outbox, sessions, studios
from services.store.db.database import Transaction
from services.studios import rights
from services.studios.checkpoint_rows import remove_checkpoints, remove_orphan
from services.studios.migration import attempts
from services.studios.requests import StudioActionRequest, StudioOutcome
from services.studios.status_rules import require_status


@dataclass(frozen=True, slots=True)
class DeleteStudio:
    """Deletes Studios. Checkpoints that another Studio begins from stay; clean-up tasks remove the other data and resources."""

    installation: str

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, StaleRevision, NotAllowedNow."""
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_DELETE)
        rights.check_revision(studio, request.expected_revision)
        require_status(studio, Action.DELETE)
        await remove_checkpoints(transaction, studio, await checkpoint_uses.unneeded_of_deleted(transaction, studio.id), viewer.actor)
        for session in await sessions.unsaved(transaction, studio.id):
            name = SessionName(self.installation, studio.id, studio.public_id, session.number)
            await cleanup_tasks.add_session(transaction, session.compute_environment_id, name)
        attempt = await migration_attempts.of_studio(transaction, studio.id)
        if attempt is not None and attempt.state is MigrationState.MIGRATING:
            await attempts.discard(transaction, viewer.actor, attempt)
        await studios.remove(transaction, studio.id)
        await remove_orphan(transaction, studio.parent_checkpoint_id)
        event = StudioDeleted().event(viewer.actor, studio.id, studio.name)
        await outbox.append(transaction, studio.workspace_id, [event])
        return StudioOutcome(studio.id)
