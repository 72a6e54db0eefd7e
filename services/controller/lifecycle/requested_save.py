"""Saves a running session as the further checkpoint that a user asked for (B34)."""

import asyncio
from datetime import timedelta
from time import monotonic

from services.checkpoints import saves
from services.checkpoints.saves import SaveKind
from services.compute.protocol import ComputeFailed, ComputeUnknown, Saved
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.controller.lifecycle.session_save import save_session, stretched
from services.domain.statuses import StudioStatus
from services.store import operations, sessions
from services.studios.progress import Step
from services.studios.requested_checkpoint import abandon_request, complete_request


async def save_as_requested(claim: ClaimedStudio, limit: timedelta) -> None:
    """Saves the session within `limit`, and ends the request. Raises ComputeUnknown before the operation's deadline: it is tried again."""
    operation_id = claim.session.requested_operation_id or ""
    began = monotonic()
    await claim.report_step(Step.SAVE, operation_id=operation_id)
    try:
        async with asyncio.timeout(limit.total_seconds()):
            saved = await save_session(
                claim, claim.session, SaveKind.REQUESTED, lambda message: claim.report_step(Step.SAVE, message, operation_id=operation_id)
            )
    except ComputeUnknown as error:
        if not await _is_overdue(claim, operation_id):
            raise
        await _abandon(claim, describe_error(error))
    except ComputeFailed as error:
        await _abandon(claim, describe_error(error))
    except TimeoutError:
        await _abandon(claim, "It took too long.")
    else:
        await _complete(claim, saved, timedelta(seconds=monotonic() - began))
    await claim.reload_session()


async def _is_overdue(claim: ClaimedStudio, operation_id: str) -> bool:
    async with claim.services.database.read() as reader:
        operation = await operations.find(reader, operation_id)
    return operation is None or operation.deadline is None or operation.deadline <= claim.now


async def _complete(claim: ClaimedStudio, saved: Saved, took: timedelta) -> None:
    interval = await claim.save_interval()
    async with claim.result(StudioStatus.RUNNING, StudioStatus.STOPPING) as (transaction, studio):
        await saves.record(transaction, studio, claim.session, saved, SaveKind.REQUESTED)
        await complete_request(transaction, studio, claim.session)
        next_save_at = transaction.now + stretched(interval, took, saved) if interval else None
        await sessions.change(transaction, claim.session.id, next_save_at=next_save_at)


async def _abandon(claim: ClaimedStudio, reason: str) -> None:
    async with claim.result(StudioStatus.RUNNING, StudioStatus.STOPPING) as (transaction, studio):
        await abandon_request(transaction, studio, claim.session, f"The checkpoint could not be saved: {reason} The session runs on.")
