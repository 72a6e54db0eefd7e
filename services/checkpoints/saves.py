"""Records saves of sessions as checkpoints, and that the data of a checkpoint or session is gone (B30, B31)."""

from typing import Any

from services.compute.protocol import ComputeUnknown, Saved
from services.domain.actor import Actor
from services.domain.event_payloads import CheckpointChange, CheckpointChanged
from services.domain.statuses import CheckpointStatus
from services.store import checkpoints, cleanup_tasks, outbox, sessions, studios
from services.store.checkpoints import CheckpointState
from services.store.db.database import Transaction
from services.store.sessions import SessionState
from services.store.studios import StudioState


class SaveRemoved(ComputeUnknown):
    """The finished save is being removed, since nobody had recorded it for too long: it has to be made again."""

    def __init__(self) -> None:
        super().__init__("the finished save was removed before it was recorded")


async def record(transaction: Transaction, studio: StudioState, session: SessionState, saved: Saved, *, interim: bool) -> None:
    """Makes `saved` the data of the session's checkpoint, in the caller's transaction. Other data that it had is cleaned up.

    The attempt that was written before the save was made goes in the same transaction. Raises SaveRemoved.
    """
    checkpoint = await checkpoints.find(transaction, session.checkpoint_id)
    assert checkpoint is not None
    if saved.reference != checkpoint.reference and not await cleanup_tasks.take_save_attempt(transaction, checkpoint.id, saved.reference):
        raise SaveRemoved
    await cleanup_tasks.end_save_attempts(transaction, checkpoint.id)
    if checkpoint.reference and checkpoint.reference != saved.reference and checkpoint.compute_environment_id:
        await cleanup_tasks.add_checkpoint(transaction, checkpoint.compute_environment_id, checkpoint.reference)
    status = CheckpointStatus.INTERIM if interim else CheckpointStatus.FINALIZED
    values: dict[str, Any] = {"reference": saved.reference, "digest": saved.digest, "size": saved.size}
    await checkpoints.change(transaction, checkpoint.id, **values, status=status.value, saved_at=transaction.now)
    if not interim:
        await sessions.change(transaction, session.id, saved=True)
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, status, CheckpointChange.SAVED)
    event = payload.event(Actor.system("save"), studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])


async def invalidate(transaction: Transaction, studio: StudioState, checkpoint_id: str) -> CheckpointState | None:
    """Marks a checkpoint whose data is missing or damaged as INVALID (B30). Returns it; None if there is no such row."""
    checkpoint = await checkpoints.find(transaction, checkpoint_id)
    if checkpoint is None or checkpoint.status == CheckpointStatus.INVALID.value:
        return checkpoint
    values = {"status": CheckpointStatus.INVALID.value, "valid_status": checkpoint.status}
    await checkpoints.change(transaction, checkpoint.id, **values)
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, CheckpointStatus.INVALID, CheckpointChange.INVALIDATED)
    event = payload.event(Actor.system("checkpoint-missing"), studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])
    return checkpoint


async def mark_lost(transaction: Transaction, studio: StudioState, session: SessionState) -> CheckpointState | None:
    """Records that a session is gone whose files were not saved, so that the next start asks before it goes on without them (B38).

    Returns its checkpoint, which is INVALID now if it never had a save; an interim save stays the newest one (B31).
    """
    checkpoint = await checkpoints.find(transaction, session.checkpoint_id)
    if checkpoint is not None and checkpoint.status == CheckpointStatus.EMPTY.value:
        await invalidate(transaction, studio, checkpoint.id)
    return checkpoint


async def revalidate(transaction: Transaction, found: CheckpointState) -> None:
    """Gives an INVALID checkpoint, whose data was found again, the status that it had before (B39)."""
    checkpoint = await checkpoints.find(transaction, found.id)
    if checkpoint is None or (checkpoint.status, checkpoint.reference) != (CheckpointStatus.INVALID.value, found.reference):
        return
    status = CheckpointStatus(checkpoint.valid_status or CheckpointStatus.FINALIZED)
    await checkpoints.change(transaction, checkpoint.id, status=status.value, valid_status=None)
    studio = await studios.find(transaction, checkpoint.studio_id)
    if studio is None:
        return  # it was deleted; nobody is told
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, status, CheckpointChange.REVALIDATED)
    event = payload.event(Actor.system("checkpoint-audit"), studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])
