"""Adds the rows of checkpoints, and deletes the data of those that nothing needs; their rows stay, for lineage (B22, B30, B35)."""

from collections.abc import Sequence

from services.domain.access import Viewer
from services.domain.actor import Actor
from services.domain.event_payloads import CheckpointChange, CheckpointChanged
from services.domain.ids import new_id
from services.domain.names import name_key
from services.domain.statuses import CheckpointStatus
from services.store import checkpoint_uses, checkpoints, cleanup_tasks, outbox, studios
from services.store.checkpoints import CheckpointState
from services.store.db.database import Transaction
from services.store.studios import StudioState


async def add_checkpoint(
    transaction: Transaction,
    viewer: Viewer,
    studio: StudioState,
    environment_id: str,
    template_id: str,
    session_number: int,
    base_id: str | None,
    name: str | None = None,
) -> str:
    """Adds a checkpoint of a session, EMPTY until its first save (B30), with the default name unless a user named it. Returns its id."""
    number = await checkpoints.last_number(transaction, studio.id) + 1
    named = name is not None
    if name is None:
        name = await _free_name(transaction, studio, number)
    checkpoint_id = new_id()
    await checkpoints.add(
        transaction,
        {
            "id": checkpoint_id,
            "studio_id": studio.id,
            "workspace_id": studio.workspace_id,
            "number": number,
            "session_number": session_number,
            "template_id": template_id,
            "compute_environment_id": environment_id,
            "name": name,
            "name_key": name_key(name),
            "named": named,
            "status": CheckpointStatus.EMPTY.value,
            "author_id": viewer.user_id,
            "parent_id": base_id,
        },
    )
    payload = CheckpointChanged(checkpoint_id, name, CheckpointStatus.EMPTY, CheckpointChange.CREATED)
    await outbox.append(transaction, studio.workspace_id, [payload.event(viewer.actor, studio.id, studio.name)])
    return checkpoint_id


async def remove_checkpoints(transaction: Transaction, studio: StudioState, unneeded: Sequence[CheckpointState], actor: Actor) -> None:
    """Marks the checkpoints as deleted, adds the tasks that remove their data, and appends the events."""
    await _remove_data(transaction, unneeded)
    events = [
        CheckpointChanged(checkpoint.id, checkpoint.name, CheckpointStatus(checkpoint.status), CheckpointChange.DELETED).event(
            actor, studio.id, studio.name
        )
        for checkpoint in unneeded
    ]
    await outbox.append(transaction, studio.workspace_id, events)


async def _remove_data(transaction: Transaction, unneeded: Sequence[CheckpointState]) -> None:
    for checkpoint in unneeded:
        if checkpoint.reference and checkpoint.compute_environment_id:
            await cleanup_tasks.add_checkpoint(transaction, checkpoint.compute_environment_id, checkpoint.reference)
    await checkpoints.delete_data(transaction, unneeded)


async def remove_orphan(transaction: Transaction, checkpoint_id: str | None) -> None:
    """Removes the data of a checkpoint whose Studio was deleted, unless something still needs it (B22)."""
    checkpoint = await checkpoints.find(transaction, checkpoint_id) if checkpoint_id else None
    if checkpoint is None or checkpoint.deleted_at is not None or await studios.find(transaction, checkpoint.studio_id) is not None:
        return
    if not await checkpoint_uses.uses(transaction, checkpoint.id):
        await _remove_data(transaction, [checkpoint])


async def _free_name(transaction: Transaction, studio: StudioState, number: int) -> str:
    """Returns `<studio>_<number>` (B32), with a further number if another checkpoint has that name."""
    default = f"{'_'.join(studio.name.split())}_{number}"
    name, attempt = default, 1
    while await checkpoints.name_taken(transaction, studio.id, name_key(name)):
        attempt += 1
        name = f"{default}_{attempt}"
    return name
