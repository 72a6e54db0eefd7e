"""Stops a session: takes a Studio from STOPPING to STOPPED, or ERRORED.

The steps are: end, save, record, free. Nothing is freed before its save is recorded (B8, B12, B31).
"""

import asyncio
import logging
from datetime import datetime

from services.checkpoints import saves
from services.checkpoints.saves import SaveKind
from services.compute.protocol import ComputeFailed, ComputeUnknown, Observation, Presence, Saved
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import SILENCE, ClaimedStudio, LeaseLost
from services.controller.lifecycle.session_save import find_final_save, save_session
from services.controller.logs.log_drain import drain
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import OperationState, StopReason, StudioStatus
from services.store import cleanup_tasks, outputs, sessions
from services.store.db.database import DatabaseUnavailable
from services.store.studios import StudioState
from services.studios.progress import Step
from services.studios.session_end import SessionEnd, end_session
from services.studios.transitions import set_status_message

logger = logging.getLogger(__name__)

REMOVAL_TIMEOUT_S = 60.0


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Runs the parts of the stop that are missing: each may have been done before a crash. Returns when to run again."""
    try:
        await _stop(claim)
    except ComputeUnknown as error:
        if not claim.is_late or await _is_silent(claim):
            return await _report_unknown(claim, describe_error(error))
        await _end_unsaved(claim, f"{describe_error(error)}.")
    except ComputeFailed as error:
        await _end_unsaved(claim, describe_error(error))
    except (LeaseLost, DatabaseUnavailable):
        raise
    except Exception:
        if not claim.is_late:
            raise  # the controller logs it and tries again
        logger.exception("Studio %s cannot be stopped", claim.studio.id)
        await _end_unsaved(claim, "an internal error, which is in the log of the server.")
    return None


async def _is_silent(claim: ClaimedStudio) -> bool:
    """Whether the compute environment does not answer at all, so that no deadline is acted on."""
    try:
        await claim.observe()
    except ComputeUnknown:
        return True
    except ComputeFailed:
        return False
    return False


async def _report_unknown(claim: ClaimedStudio, reason: str) -> datetime:
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        waiting = f"Waiting: the {SILENCE} ({reason}). No files are lost."
        await set_status_message(transaction, studio, f"{_stop_message(studio) or 'Stopping.'}\n{waiting}")
        return claim.retry_at(transaction.now)


def _stop_message(studio: StudioState) -> str | None:
    """Returns why the Studio stops: the first line of its status message. Later lines report the stop's progress."""
    return (studio.status_message or "").partition("\n")[0] or None


async def _stop(claim: ClaimedStudio) -> None:
    if not claim.session.saved:
        compute = await claim.compute()
        await claim.report_step(Step.END)
        await compute.stop(claim.name, claim.policy.stop_grace)
        observation = await claim.observe()
        if observation.presence is Presence.ABSENT:
            saved = await find_final_save(claim, claim.session)
            if saved is None:
                await _end_lost(claim)
                return
            await _record(claim, observation, saved)
        else:
            await drain(claim)
            await _save(claim, observation)
    await claim.report_step(Step.FREE)
    await _complete(claim, await _remove(claim))


async def _save(claim: ClaimedStudio, observation: Observation) -> None:
    await claim.report_step(Step.SAVE)
    saved = await save_session(claim, claim.session, SaveKind.FINAL, lambda message: claim.report_step(Step.SAVE, message))
    await _record(claim, observation, saved)


async def _record(claim: ClaimedStudio, observation: Observation, saved: Saved) -> None:
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        if claim.session.exit_code is None:
            await sessions.change(transaction, claim.session.id, exit_code=observation.exit_code)
        await saves.record(transaction, studio, claim.session, saved, SaveKind.FINAL)
    await claim.reload_session()


async def _remove(claim: ClaimedStudio) -> str | None:
    """Removes the session's resources. Returns None, or why that failed: the session is saved, so its end must not wait for it."""
    try:
        async with asyncio.timeout(REMOVAL_TIMEOUT_S):
            await (await claim.compute()).remove(claim.name)
    except (ComputeUnknown, ComputeFailed) as error:
        return describe_error(error)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        logger.exception("The resources of Studio %s could not be removed; it is tried again", claim.studio.id)
        return describe_error(error)
    return None


async def _complete(claim: ClaimedStudio, removal_failure: str | None) -> None:
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        if removal_failure is not None:
            await cleanup_tasks.add_session(transaction, claim.session.compute_environment_id, claim.name, removal_failure)
        trigger = Trigger.SAVED if _is_clean(claim, studio) else Trigger.SAVED_AFTER_FAULT
        actor = await claim.actor(transaction, studio)
        await end_session(transaction, studio, SessionEnd(trigger, actor, _stop_message(studio), OperationState.SUCCEEDED))
        await outputs.close(transaction, claim.session.id)


def _is_clean(claim: ClaimedStudio, studio: StudioState) -> bool:
    """Whether it ended as asked, or by itself without an error (B12)."""
    if studio.stop_reason == StopReason.OUT_OF_MEMORY.value:
        return False
    return studio.stop_reason != StopReason.EXITED.value or claim.session.exit_code == 0


async def _end_lost(claim: ClaimedStudio) -> None:
    """Ends a session that was removed from outside before it was saved. The newest interim checkpoint stays (B31)."""
    message = (
        "The session was removed from the compute environment from outside before it could be saved. "
        "Start it again from its newest checkpoint."
    )
    end = SessionEnd(Trigger.COMPUTE_ENV_LOST, Actor.system("removed-outside"), message, cleanup=claim.name)
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        await saves.mark_lost(transaction, claim.session)
        await end_session(transaction, studio, end)


async def _end_unsaved(claim: ClaimedStudio, reason: str) -> None:
    """Ends the session without a save. Its files stay where they are, and the next start saves them first (B8)."""
    message = f"The session could not be saved: {reason} Its files are kept, and the next start saves them first."
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        await end_session(transaction, studio, SessionEnd(Trigger.SAVE_FAILED, Actor.system("save"), message, saved=False))
