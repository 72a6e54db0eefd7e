"""Puts the files of a migrated Studio over its new template, before the first session starts from them (B74)."""

from services.checkpoints import saves
from services.compute.protocol import CheckpointMissing, ComputeUnknown, ImageSpec, Saved
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.statuses import StudioStatus
from services.store import checkpoints, cleanup_tasks
from services.store.checkpoints import CheckpointState
from services.store.cleanup_tasks import LATE_SAVE


class SourceMissing(CheckpointMissing):
    """The data of the original's checkpoint, from which the migration starts, is not there."""

    def __init__(self, checkpoint: CheckpointState, reason: str) -> None:
        super().__init__(f"The migration starts from the checkpoint {checkpoint.name}, whose data is missing: {reason}")
        self.checkpoint = checkpoint


async def rebase(claim: ClaimedStudio, base: CheckpointState, image: ImageSpec) -> CheckpointState:
    """Gives the empty checkpoint of a migration the files of its parent, over `image`, and returns it as it is then.

    The name of the data is recorded before it is made, so that what a crash leaves is removed. Raises SourceMissing, ComputeFailed,
    ComputeUnknown, LeaseLost.
    """
    source, compute = await _source(claim, base), await claim.compute()
    assert source.reference is not None
    target = await compute.new_reference(claim.name, base.id, interim=False)
    async with claim.result(StudioStatus.STARTING) as (transaction, _):
        environment_id = claim.session.compute_environment_id
        if not await cleanup_tasks.add_save_attempt(transaction, environment_id, base.id, target, LATE_SAVE):
            raise ComputeUnknown("a save of the same name is being removed")
    try:
        saved = await compute.rebase(Saved(source.reference, source.digest or "", source.size or 0), image, target)
    except CheckpointMissing as error:
        raise SourceMissing(source, error.message) from error
    return await _record(claim, base, saved)


async def _source(claim: ClaimedStudio, base: CheckpointState) -> CheckpointState:
    async with claim.services.database.read() as reader:
        source = await checkpoints.find(reader, base.parent_id or "")
    if source is None or source.deleted_at is not None or source.reference is None:
        raise CheckpointMissing("The checkpoint from which the migration starts was deleted.")
    return source


async def _record(claim: ClaimedStudio, base: CheckpointState, saved: Saved) -> CheckpointState:
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await saves.record_rebased(transaction, studio, base, saved)
        rebased = await checkpoints.find(transaction, base.id)
    assert rebased is not None
    return rebased
