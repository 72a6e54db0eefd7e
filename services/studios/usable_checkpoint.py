"""Checks that a checkpoint which a user chose has files that a session can start from (B38, B40)."""

from collections.abc import Sequence

from services.domain.errors import CheckpointDataMissing
from services.domain.problems import invalid
from services.domain.statuses import CheckpointStatus
from services.store.checkpoints import CheckpointState


def require_usable(checkpoint: CheckpointState, field: Sequence[str]) -> None:
    """Raises InvalidInput for one that is deleted or empty, CheckpointDataMissing for one whose data is missing; `field` named it."""
    path, name = ".".join(field), checkpoint.name
    if checkpoint.deleted_at is not None:
        raise invalid(path, "DELETED", f"The data of the checkpoint {name} was deleted. Choose another checkpoint.")
    if checkpoint.status == CheckpointStatus.EMPTY.value:
        raise invalid(path, "EMPTY", f"Nothing was saved to the checkpoint {name}. Choose another checkpoint.")
    if checkpoint.status == CheckpointStatus.INVALID.value:
        message = f"The data of the checkpoint {name} is missing. Choose another checkpoint, or bring the data back."
        raise CheckpointDataMissing(message, field=field, checkpoint_id=checkpoint.id, older_checkpoint_id=None)
