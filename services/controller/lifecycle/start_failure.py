"""Ends a failed start, or keeps waiting if the compute environment does not answer (B7)."""

from datetime import datetime

from services.checkpoints import saves
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.controller.error_text import describe_error, duration_text
from services.controller.lifecycle import start_timeout
from services.controller.lifecycle.claimed_studio import SILENCE, ClaimedStudio
from services.controller.lifecycle.last_output import last_output
from services.controller.logs.log_drain import drain
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import StudioStatus
from services.store import builds, cleanup_tasks, outputs, sessions
from services.store.checkpoints import CheckpointState
from services.store.db.database import Transaction
from services.store.sessions import SessionState
from services.store.studios import StudioState
from services.studios.session_end import SessionEnd, end_session
from services.studios.start_base import fallback
from services.studios.transitions import set_status_message


async def report_unknown(claim: ClaimedStudio, reason: str) -> datetime | None:
    """Reports that the compute environment does not answer, and tries again: unknown is not failed, even after the deadline."""
    late = ""
    if claim.studio.deadline and claim.is_late:
        late = f" The deadline of the start ({claim.studio.deadline:%H:%M:%S} UTC) has passed; it fails once the environment answers."
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        message = f"Waiting: the {SILENCE} ({reason}).{late}"
        await set_status_message(transaction, studio, message)
        return claim.retry_at(transaction.now)


async def act_on_deadline(claim: ClaimedStudio, reason: str | None = None) -> datetime | None:
    """Fails a start whose deadline passed, if the compute environment answers; otherwise reports it as unknown."""
    try:
        await claim.observe()
    except ComputeUnknown as error:
        return await report_unknown(claim, describe_error(error))
    except ComputeFailed:
        pass  # an answer, too
    limit = duration_text(claim.policy.start_deadline)
    details = f"{reason or await start_timeout.timeout_reason(claim)}.{await last_output(claim, await claim.compute())}"
    await fail_start(claim, Trigger.START_TIMEOUT, f"The session could not be started within {limit}: {details}")
    return None


async def fail_start(claim: ClaimedStudio, trigger: Trigger, message: str, missing_image: str | None = None) -> None:
    """Ends a session that could not be started, and removes its resources: they hold no user's files. Earlier saves stay."""
    await drain(claim)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        if missing_image:
            await builds.invalidate_image(transaction, claim.session.compute_environment_id, missing_image, message)
        if trigger is Trigger.CHECKPOINT_MISSING and claim.session.base_checkpoint_id:
            missing = await saves.invalidate(transaction, claim.session.base_checkpoint_id)
            if claim.session.chosen_base:
                message = f"{message} Start from another checkpoint, or from the newest one."
            elif missing is not None:
                message = f"{message} {(await fallback(transaction, studio, missing))[1]}"
        await _end(claim, transaction, studio, trigger, message)


async def fail_without_source(claim: ClaimedStudio, source: CheckpointState, message: str) -> None:
    """Ends the first start of a migrated Studio: the original's checkpoint has no data now. Each further start looks for it again."""
    await drain(claim)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await saves.invalidate(transaction, source.id)
        await _end(claim, transaction, studio, Trigger.CHECKPOINT_MISSING, message)


async def fail_without_former_session(claim: ClaimedStudio, former: SessionState, message: str) -> None:
    """Ends a start whose former session is gone with its unsaved files, so that the user decides what to continue from (B38)."""
    await drain(claim)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await sessions.change(transaction, former.id, saved=True)
        await cleanup_tasks.add_session(transaction, former.compute_environment_id, claim.name_of(former.number))
        lost = await saves.mark_lost(transaction, former)
        if lost is not None:
            kept = f"Start it again to continue from {lost.name}, which has the files of the last periodic save."
            message = f"{message} {kept if lost.reference else (await fallback(transaction, studio, lost))[1]}"
        await _end(claim, transaction, studio, Trigger.COMPUTE_ENV_LOST, message)


async def _end(claim: ClaimedStudio, transaction: Transaction, studio: StudioState, trigger: Trigger, message: str) -> None:
    end = SessionEnd(trigger, Actor.system(trigger.value), message, cleanup=claim.name, given_up=True)
    await end_session(transaction, studio, end)
    await outputs.close(transaction, claim.session.id)
