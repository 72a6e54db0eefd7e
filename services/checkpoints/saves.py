"""Records saves of sessions as checkpoints, and that the data of a checkpoint or session is gone (B30, B31)."""

from enum import Enum
from typing import Any

from services.checkpoints.retention import apply_retention
from services.compute.protocol import ComputeUnknown, Saved
from services.domain.actor import Actor
from services.domain.event_payloads import CheckpointChange, CheckpointChanged
from services.domain.statuses import CheckpointStatus
from services.store import checkpoints, cleanup_tasks, outbox, sessions, studios
from services.store.checkpoints import CheckpointState
from services.store.db.database import Transaction
from services.store.sessions import SessionState
from services.store.studios import StudioState
from services.studios.checkpoint_rows import remove_orphan


class SaveRemoved(ComputeUnknown):
    """The finished save is being removed, since nobody had recorded it for too long: it has to be made again."""

    def __init__(self) -> None:
        super().__init__("the finished save was removed before it was recorded")


class SaveKind(Enum):
    """Why a session is saved."""

    PERIODIC = "periodic"
    """While it runs: its own checkpoint becomes INTERIM."""
    REQUESTED = "requested"
    """While it runs, since a user asked for it: a further checkpoint, FINALIZED at once (B34)."""
    FINAL = "final"
    """After its end: its own checkpoint becomes FINALIZED."""

    @property
    def is_interim(self) -> bool:
        """Whether the session runs on."""
        return self is not SaveKind.FINAL

    def checkpoint_of(self, session: SessionState) -> str:
        """Returns the id of the checkpoint that the save is recorded in."""
        return (session.requested_checkpoint_id or "") if self is SaveKind.REQUESTED else session.checkpoint_id


async def record(transaction: Transaction, studio: StudioState, session: SessionState, saved: Saved, kind: SaveKind) -> None:
    """Makes `saved` the data of a checkpoint of the session, in the caller's transaction. Other data that it had is cleaned up.

    The attempt that was written before the save was made goes in the same transaction. Raises SaveRemoved.
    """
    checkpoint = await checkpoints.find(transaction, kind.checkpoint_of(session))
    assert checkpoint is not None
    if saved.reference != checkpoint.reference and not await cleanup_tasks.take_save_attempt(transaction, checkpoint.id, saved.reference):
        raise SaveRemoved
    await cleanup_tasks.end_save_attempts(transaction, checkpoint.id)
    if checkpoint.reference and checkpoint.reference != saved.reference and checkpoint.compute_environment_id:
        await cleanup_tasks.add_checkpoint(transaction, checkpoint.compute_environment_id, checkpoint.reference)
    status = CheckpointStatus.INTERIM if kind is SaveKind.PERIODIC else CheckpointStatus.FINALIZED
    values: dict[str, Any] = {"reference": saved.reference, "digest": saved.digest, "size": saved.size, "layers": saved.layers}
    values["pause_seconds"] = saved.pause_seconds
    values["save_order"] = await checkpoints.next_save_order(transaction, studio.id)
    await checkpoints.change(transaction, checkpoint.id, **values, status=status.value, saved_at=transaction.now)
    if kind is SaveKind.FINAL:
        await sessions.change(transaction, session.id, saved=True)
        await remove_orphan(transaction, studio.parent_checkpoint_id)
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, status, CheckpointChange.SAVED)
    event = payload.event(Actor.system("save"), studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])
    if kind is not SaveKind.PERIODIC:
        await apply_retention(transaction, studio)


async def record_rebased(transaction: Transaction, studio: StudioState, checkpoint: CheckpointState, saved: Saved) -> None:
    """Makes `saved` the data of the checkpoint that a migrated Studio begins from (B74). Raises SaveRemoved."""
    if not await cleanup_tasks.take_save_attempt(transaction, checkpoint.id, saved.reference):
        raise SaveRemoved
    await cleanup_tasks.end_save_attempts(transaction, checkpoint.id)
    values: dict[str, Any] = {"reference": saved.reference, "digest": saved.digest, "size": saved.size, "layers": saved.layers}
    values |= {"pause_seconds": 0.0, "save_order": await checkpoints.next_save_order(transaction, studio.id)}
    status = CheckpointStatus.FINALIZED
    await checkpoints.change(transaction, checkpoint.id, **values, status=status.value, saved_at=transaction.now)
    await remove_orphan(transaction, studio.parent_checkpoint_id)
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, status, CheckpointChange.SAVED)
    await outbox.append(transaction, studio.workspace_id, [payload.event(Actor.system("migration"), studio.id, studio.name)])


async def invalidate(transaction: Transaction, checkpoint_id: str) -> CheckpointState | None:
    """Marks a checkpoint whose data is missing or damaged as INVALID, with an event of its own Studio: a clone may have found it out (B30).

    Returns it; None if there is no such row.
    """
    checkpoint = await checkpoints.find(transaction, checkpoint_id)
    if checkpoint is None or checkpoint.status == CheckpointStatus.INVALID.value:
        return checkpoint
    values: dict[str, Any] = {"status": CheckpointStatus.INVALID.value, "valid_status": checkpoint.status}
    if checkpoint.save_order == 0:  # its session was lost before the first save: it takes the place that this would have had
        values["save_order"] = await checkpoints.next_save_order(transaction, checkpoint.studio_id)
    await checkpoints.change(transaction, checkpoint.id, **values)
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, CheckpointStatus.INVALID, CheckpointChange.INVALIDATED)
    await _append_event(transaction, checkpoint, payload, "checkpoint-missing")
    return checkpoint


async def mark_lost(transaction: Transaction, session: SessionState) -> CheckpointState | None:
    """Records that a session is gone whose files were not saved, so that the next start asks before it goes on without them (B38).

    Returns its checkpoint, which is INVALID now if it never had a save; an interim save stays the newest one (B31).
    """
    checkpoint = await checkpoints.find(transaction, session.checkpoint_id)
    if checkpoint is not None and checkpoint.status == CheckpointStatus.EMPTY.value:
        await invalidate(transaction, checkpoint.id)
    return checkpoint


async def revalidate(transaction: Transaction, found: CheckpointState) -> None:
    """Gives an INVALID checkpoint, whose data was found again, the status that it had before (B39)."""
    checkpoint = await checkpoints.find(transaction, found.id)
    if checkpoint is None or (checkpoint.status, checkpoint.reference) != (CheckpointStatus.INVALID.value, found.reference):
        return
    status = CheckpointStatus(checkpoint.valid_status or CheckpointStatus.FINALIZED)
    await checkpoints.change(transaction, checkpoint.id, status=status.value, valid_status=None)
    payload = CheckpointChanged(checkpoint.id, checkpoint.name, status, CheckpointChange.REVALIDATED)
    await _append_event(transaction, checkpoint, payload, "checkpoint-audit")


async def _append_event(transaction: Transaction, checkpoint: CheckpointState, payload: CheckpointChanged, cause: str) -> None:
    """Appends an event of the checkpoint's Studio; none if that was deleted."""
    studio = await studios.find(transaction, checkpoint.studio_id)
    if studio is not None:
        await outbox.append(transaction, studio.workspace_id, [payload.event(Actor.system(cause), studio.id, studio.name)])
