"""Discards a migration: deletes the Studio that it added, whose attempt stays with its result (B75)."""

from dataclasses import dataclass

from services.domain.access import Permission, Viewer
from services.domain.errors import Conflict
from services.domain.lifecycle import ENDED, Action, Trigger
from services.domain.session_name import SessionName
from services.domain.statuses import OperationState, StudioStatus
from services.store import cleanup_tasks, leases, migration_attempts
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights
from services.studios.delete import DeleteStudio
from services.studios.migration import attempts
from services.studios.requests import DiscardMigrationRequest, StudioActionRequest, StudioOutcome
from services.studios.session_end import SessionEnd, end_session
from services.studios.status_rules import require_status
from services.studios.transitions import move

TRIAL_SESSION = 1
"""The number of the session that shows whether a migration worked."""


class NotAMigration(Conflict):
    """No migration made the Studio, so that there is nothing to discard."""

    code = "NOT_A_MIGRATION"


@dataclass(frozen=True, slots=True)
class DiscardMigration:
    """Ends the first session of a migrated Studio without saving it, and deletes the Studio. The original has all that it began with."""

    installation: str
    delete_studio: DeleteStudio

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: DiscardMigrationRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, NotAMigration, and NotAllowedNow for a Studio that runs and was started again since."""
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_DELETE)
        attempt = await migration_attempts.of_studio(transaction, studio.id)
        if attempt is None:
            message = f"{studio.name} was not made by a migration. Use `deleteStudio` to delete it."
            raise NotAMigration(message, field=("studio_id",))
        if studio.status not in ENDED:
            await self._end_trial(transaction, viewer, studio)
        await cleanup_tasks.end_save_attempts(transaction, attempt.checkpoint_id)
        await attempts.discard(transaction, viewer.actor, attempt)
        return await self.delete_studio(transaction, viewer, StudioActionRequest(studio.id))

    async def _end_trial(self, transaction: Transaction, viewer: Viewer, studio: StudioState) -> None:
        """Ends the first session at once; one of a Studio in which somebody goes on to work must be stopped, as for `deleteStudio`."""
        if studio.session_number != TRIAL_SESSION:
            require_status(studio, Action.DELETE)
        message = f"The migration was discarded by {viewer.user_name}."
        await leases.break_lease(transaction, studio.id)
        if studio.status is StudioStatus.RUNNING:
            studio = await move(transaction, studio, Trigger.STOP, viewer.actor, message)
        trigger = Trigger.STOP if studio.status is StudioStatus.BUILDING else Trigger.FORCE_STOP
        name = SessionName(self.installation, studio.id, studio.public_id, studio.session_number)
        end = SessionEnd(trigger, viewer.actor, message, OperationState.CANCELLED, cleanup=name, given_up=True)
        await end_session(transaction, studio, end)
