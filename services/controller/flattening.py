"""Merges the layers of a checkpoint before an engine's limit of about 125 is met (B37)."""

from datetime import timedelta

from services.compute.protocol import ComputeUnknown
from services.compute.verified_compute import VerifiedCompute
from services.store import checkpoints, cleanup_tasks, outbox
from services.store.checkpoints import CheckpointState
from services.store.cleanup_tasks import LATE_SAVE
from services.store.db.database import Database

KEPT_AFTER_MERGE = timedelta(minutes=30)
"""How long the former data stays: a start may have read its name, and a start has a deadline of half of that."""


async def flatten(database: Database, compute: VerifiedCompute, checkpoint: CheckpointState) -> CheckpointState:
    """Replaces the data of a checkpoint by the same files in one layer, and returns the checkpoint as it is then.

    Raises CheckpointMissing, ComputeFailed, ComputeUnknown.
    """
    assert checkpoint.reference is not None
    assert checkpoint.compute_environment_id is not None
    target = await compute.flat_reference(checkpoint.reference, checkpoint.id)
    async with outbox.stream_transaction(database, checkpoint.workspace_id) as transaction:
        if not await cleanup_tasks.add_save_attempt(transaction, checkpoint.compute_environment_id, checkpoint.id, target, LATE_SAVE):
            raise ComputeUnknown("a save of the same name is being removed")
    saved = await compute.flatten(checkpoint.reference, target)
    async with outbox.stream_transaction(database, checkpoint.workspace_id) as transaction:
        current = await checkpoints.find(transaction, checkpoint.id)
        if current is None or current.deleted_at is not None or current.reference != checkpoint.reference:
            raise ComputeUnknown("the checkpoint was changed while its layers were merged")  # the attempt is removed when it is due
        if not await cleanup_tasks.take_save_attempt(transaction, checkpoint.id, saved.reference):
            raise ComputeUnknown("the merged save was removed before it was recorded")
        values = {"reference": saved.reference, "digest": saved.digest, "layers": saved.layers}
        await checkpoints.change(transaction, checkpoint.id, **values)
        await cleanup_tasks.add_checkpoint(transaction, checkpoint.compute_environment_id, checkpoint.reference, KEPT_AFTER_MERGE)
        merged = await checkpoints.find(transaction, checkpoint.id)
    assert merged is not None
    return merged
