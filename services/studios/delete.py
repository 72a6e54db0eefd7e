"""Deleting a Studio: at once, for ever (B20 to B22)."""

from services.domain.access import Permission, Viewer
from services.domain.errors import NotAllowedNow
from services.domain.events import Kind, NewEvent
from services.domain.lifecycle import Action, status_refusal
from services.store import checkpoints, cleanup_tasks, outbox, sessions, studios
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights
from services.studios.inputs import StudioActionRequest, StudioOutcome


async def delete(transaction: Transaction, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
    """What another Studio still needs survives; the rest is handed to the clean-up. Raises NotFound, Forbidden, NotAllowedNow."""
    studio = await rights.studio_for(transaction, viewer, given.studio_id, Permission.STUDIO_DELETE)
    rights.check_revision(studio, given.expected_revision)
    refusal = status_refusal(studio.status, Action.DELETE)
    if refusal:
        raise NotAllowedNow(refusal, status=studio.status.value)
    await _discard_saves(transaction, studio)
    for session in await sessions.unsaved(transaction, studio.id):
        await cleanup_tasks.leave(transaction, session.compute_environment_id, studio.id, studio.public_id, session.number)
    await studios.remove(transaction, studio.id)
    event = NewEvent(Kind.STUDIO_DELETED, viewer.actor, {}, studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])
    return StudioOutcome(studio.id)


async def _discard_saves(transaction: Transaction, studio: StudioState) -> None:
    """Rows stay, for lineage; the data goes."""
    for checkpoint in await checkpoints.not_needed_elsewhere(transaction, studio.id):
        if checkpoint.reference and checkpoint.compute_environment_id:
            await cleanup_tasks.discard(transaction, checkpoint.compute_environment_id, checkpoint.reference)
        await checkpoints.change(transaction, checkpoint.id, deleted_at=transaction.now)
