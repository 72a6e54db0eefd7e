"""Further checkpoints of running sessions that users ask for, from the request to its end (B34)."""

from services.domain.access import Viewer
from services.domain.actor import Actor
from services.domain.statuses import OperationKind, OperationState
from services.domain.time_policy import TimePolicy
from services.store import checkpoints, sessions, studios
from services.store.db.database import Transaction
from services.store.sessions import SessionState
from services.store.studios import StudioState
from services.studios.checkpoint_rows import add_checkpoint, remove_checkpoints
from services.studios.transitions import begin_operation, end_operation


async def request_checkpoint(
    transaction: Transaction, viewer: Viewer, studio: StudioState, session: SessionState, name: str | None, policy: TimePolicy
) -> tuple[str, str]:
    """Adds the checkpoint and the operation that saves it, and makes the Studio due. Returns the ids of both."""
    environment_id, template_id, base_id = session.compute_environment_id, session.template_id, session.base_checkpoint_id
    checkpoint_id = await add_checkpoint(transaction, viewer, studio, environment_id, template_id, session.number, base_id, name)
    deadline = transaction.now + policy.stop_deadline
    operation_id = await begin_operation(transaction, studio, OperationKind.CHECKPOINT, viewer.actor, deadline)
    await sessions.change(transaction, session.id, requested_checkpoint_id=checkpoint_id, requested_operation_id=operation_id)
    await studios.change(transaction, studio.id, due_at=transaction.now)
    transaction.wake("studio", studio.id)
    return checkpoint_id, operation_id


async def complete_request(transaction: Transaction, studio: StudioState, session: SessionState) -> None:
    """Ends the request of a checkpoint that was saved."""
    await end_operation(transaction, studio, session.requested_operation_id, OperationState.SUCCEEDED)
    await sessions.change(transaction, session.id, requested_checkpoint_id=None, requested_operation_id=None)


async def abandon_request(transaction: Transaction, studio: StudioState, session: SessionState, reason: str) -> None:
    """Ends the request of a checkpoint that cannot be saved, if there is one, and deletes the empty checkpoint."""
    if session.requested_checkpoint_id is None:
        return
    await end_operation(transaction, studio, session.requested_operation_id, OperationState.FAILED, reason)
    checkpoint = await checkpoints.find(transaction, session.requested_checkpoint_id)
    if checkpoint is not None:
        await remove_checkpoints(transaction, studio, [checkpoint], Actor.system("save"))
    await sessions.change(transaction, session.id, requested_checkpoint_id=None, requested_operation_id=None)
