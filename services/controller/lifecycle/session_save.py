"""Saves the file system of a session through its compute environment, under a name that is recorded before."""

import logging
from datetime import timedelta

from services.checkpoints.saves import SaveKind
from services.compute.protocol import ComputeUnknown, Progress, Saved, SaveRequest
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.statuses import StudioStatus
from services.secrets.secret_box import CannotOpen
from services.secrets.session_secrets import session_secrets
from services.store import checkpoints, cleanup_tasks
from services.store.checkpoints import CheckpointState
from services.store.cleanup_tasks import LATE_SAVE
from services.store.sessions import SessionState

MIN_INTERVAL_PER_PAUSE = 50
"""The interval of saves is at least this many times the pause that a save makes, which is then under 2 % of the time (B34)."""
MIN_INTERVAL_PER_SAVE = 4
"""The interval is at least this many times as long as a save takes, so that the disk is not busy with saves all the time."""

logger = logging.getLogger(__name__)


async def save_session(claim: ClaimedStudio, session: SessionState, kind: SaveKind, progress: Progress | None = None) -> Saved:
    """Saves the session, or returns its finished save. Raises ComputeFailed, ComputeUnknown, LeaseLost.

    `progress` shows what an unusual save costs; without one nobody is told.

    The save's name is recorded before the save begins, so that every save is either recorded or removed.
    """
    compute, name = await claim.services.computes.get(session.compute_environment_id), claim.name_of(session.number)
    secrets, checkpoint_id = await _searchable_secrets(claim, session), kind.checkpoint_of(session)
    finished = await compute.final_saves(name, checkpoint_id) if kind is SaveKind.FINAL else []
    for reference in finished:
        if await _is_reserved(claim, session, checkpoint_id, reference):
            return await compute.save(SaveRequest(name, reference, kind.is_interim, secrets))
    reference = await compute.new_reference(name, checkpoint_id, interim=kind.is_interim)
    if not await _is_reserved(claim, session, checkpoint_id, reference):
        raise ComputeUnknown("a save of the same name is being removed")
    async with claim.services.database.read() as reader:
        checkpoint = await checkpoints.find(reader, checkpoint_id)
    saved = await compute.save(SaveRequest(name, reference, kind.is_interim, secrets, _recorded(checkpoint), progress))
    if saved.reference != reference:
        await _give_back(claim, checkpoint_id, reference)
    return saved


def stretched(interval: timedelta, took: timedelta, saved: Saved | None) -> timedelta:
    """Returns the time until the next periodic save, after one that `took` so long. A failed one counts as a pause."""
    pause = timedelta(seconds=saved.pause_seconds) if saved else took
    return max(interval, pause * MIN_INTERVAL_PER_PAUSE, took * MIN_INTERVAL_PER_SAVE)


async def find_final_save(claim: ClaimedStudio, session: SessionState) -> Saved | None:
    """Returns the finished save of a session that is gone. Raises ComputeFailed, ComputeUnknown, LeaseLost."""
    compute, name = await claim.services.computes.get(session.compute_environment_id), claim.name_of(session.number)
    if not await compute.final_saves(name, session.checkpoint_id):
        return None
    return await save_session(claim, session, SaveKind.FINAL)


async def _is_reserved(claim: ClaimedStudio, session: SessionState, checkpoint_id: str, reference: str) -> bool:
    """Records the attempt to save, under the lease. Returns False if a save of this name is being removed."""
    limit = max(LATE_SAVE, 2 * claim.policy.stop_deadline)
    async with claim.result(*StudioStatus) as (transaction, _):
        return await cleanup_tasks.add_save_attempt(transaction, session.compute_environment_id, checkpoint_id, reference, limit)


async def _give_back(claim: ClaimedStudio, checkpoint_id: str, reference: str) -> None:
    """Deletes the record of an attempt that made no save, since nothing had changed."""
    async with claim.services.database.write(durable=False) as transaction:
        await cleanup_tasks.take_save_attempt(transaction, checkpoint_id, reference)


def _recorded(checkpoint: CheckpointState | None) -> Saved | None:
    if checkpoint is None or checkpoint.reference is None or checkpoint.digest is None:
        return None
    return Saved(checkpoint.reference, checkpoint.digest, checkpoint.size or 0, checkpoint.layers)


async def _searchable_secrets(claim: ClaimedStudio, session: SessionState) -> tuple[str, ...]:
    """Returns the secrets to search the save for; none if they cannot be decrypted: a save without the search is better than none."""
    try:
        return await session_secrets(claim.services.database, claim.services.seal, session)
    except CannotOpen:
        logger.warning("The checkpoint of session %s is not searched for secrets: they were sealed with another key", session.id)
        return ()
