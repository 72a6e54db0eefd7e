"""Recording a save in the transaction that makes it the Studio's newest checkpoint (B30, B31)."""

import logging
from typing import Any

from services.compute.protocol import Saved
from services.controller.controller_services import ControllerServices
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.domain.statuses import CheckpointStatus
from services.secrets.secret_box import CannotOpen
from services.store import checkpoints, cleanup_tasks, compute_environments, outbox, sessions
from services.store.db.database import Transaction
from services.store.sessions import SessionState
from services.store.studios import StudioState
from services.studios import configuration

log = logging.getLogger(__name__)


async def save(claim: ClaimedStudio, session: SessionState, *, interim: bool) -> Saved:
    """Have the compute environment save this session. Raises ComputeFailed, ComputeUnknown, Overtaken.

    With it goes what was never recorded, which may be what somebody who took over has just saved and is about to record.
    """
    compute = await claim.services.computes.get(session.compute_environment_id)
    hidden = await _known_secrets(claim.services, session)
    async with claim.services.database.read() as reader:
        await claim.require_mine(reader)
        checkpoint = await checkpoints.find(reader, session.checkpoint_id)
    keep = (checkpoint.reference if checkpoint else None) or ""
    return await compute.save(claim.name_of(session.number), session.checkpoint_id, interim=interim, secrets=hidden, keep=keep)


async def _known_secrets(services: ControllerServices, session: SessionState) -> tuple[str, ...]:
    """None where they do not open any more: what cannot be looked for must not cost the session's work."""
    try:
        return await secrets(services, session)
    except CannotOpen:
        log.warning("The checkpoint of session %s is not searched for secrets: they were sealed with another key", session.id)
        return ()


async def secrets(services: ControllerServices, session: SessionState) -> tuple[str, ...]:
    """What a session was given and nobody may see: the Studio's and the compute environment's."""
    async with services.database.read() as reader:
        environment = await compute_environments.find(reader, session.compute_environment_id)
    shared = environment.environment if environment else []
    return configuration.secrets(shared, session.configuration["environment"], seal=services.seal)


async def record(transaction: Transaction, studio: StudioState, session: SessionState, saved: Saved, *, interim: bool) -> None:
    """The checkpoint of `session` now stands for `saved`; what it stood for before is garbage, unless it is the same."""
    checkpoint = await checkpoints.find(transaction, session.checkpoint_id)
    assert checkpoint is not None
    if checkpoint.reference and checkpoint.reference != saved.reference and checkpoint.compute_environment_id:
        await cleanup_tasks.discard(transaction, checkpoint.compute_environment_id, checkpoint.reference)
    status = CheckpointStatus.INTERIM if interim else CheckpointStatus.FINALIZED
    values: dict[str, Any] = {"reference": saved.reference, "digest": saved.digest, "size": saved.size}
    await checkpoints.change(transaction, checkpoint.id, **values, status=status.value, saved_at=transaction.now)
    if not interim:
        await sessions.change(transaction, session.id, saved=True)
    payload = {"checkpoint_id": checkpoint.id, "name": checkpoint.name, "status": status.value, "change": "saved"}
    event = NewEvent(Kind.CHECKPOINT, Actor.system("save"), payload, studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])


async def invalidate(transaction: Transaction, studio: StudioState, checkpoint_id: str) -> None:
    """Its data was found missing or damaged (B30: INVALID); the next start begins from the one before."""
    checkpoint = await checkpoints.find(transaction, checkpoint_id)
    if checkpoint is None:
        return
    await checkpoints.change(transaction, checkpoint.id, status=CheckpointStatus.INVALID.value)
    payload = {"checkpoint_id": checkpoint.id, "name": checkpoint.name, "status": CheckpointStatus.INVALID.value, "change": "invalid"}
    event = NewEvent(Kind.CHECKPOINT, Actor.system("checkpoint-missing"), payload, studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])
