"""From STOPPING to STOPPED, or ERRORED: end, save, record, free; nothing is freed before its save is recorded (B8, B12, B31)."""

import asyncio
import logging
from datetime import datetime, timedelta

from services.checkpoints import saves
from services.compute.protocol import ComputeFailed, ComputeUnknown, Observation, Presence
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import ClaimedStudio, LeaseLost
from services.controller.logs.log_drain import drain
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import StopReason, StudioStatus
from services.store import cleanup_tasks, outputs, sessions
from services.store.db.database import DatabaseUnavailable, Transaction
from services.store.studios import StudioState
from services.studios.progress import Step
from services.studios.transitions import end_operation, move, say

log = logging.getLogger(__name__)

RETRY = timedelta(seconds=2)
REMOVAL_SECONDS = 60.0


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Do what is missing; every part may have been done before a crash. Returns when to look again."""
    try:
        await _stop(claim)
    except ComputeUnknown as unknown:
        if not claim.late or await _silent(claim):
            return await _unknown(claim, describe_error(unknown))
        await _save_failed(claim, f"{describe_error(unknown)}.")
    except ComputeFailed as failed:
        await _save_failed(claim, describe_error(failed))
    except (LeaseLost, DatabaseUnavailable):
        raise
    except Exception:
        if not claim.late:
            raise  # told in the log, and tried again
        log.exception("Studio %s cannot be stopped", claim.studio.id)
        await _save_failed(claim, "an error inside the server, which is told in its log.")
    return None


async def _silent(claim: ClaimedStudio) -> bool:
    """Whether the environment says nothing at all, so that no deadline is acted on."""
    try:
        await claim.observe()
    except ComputeUnknown:
        return True
    except ComputeFailed:
        return False
    return False


async def _unknown(claim: ClaimedStudio, why: str) -> datetime:
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        waits = f"Waiting: the compute environment does not answer ({why}). Nothing is lost meanwhile."
        await say(transaction, studio, f"{_why(studio) or 'Stopping.'}\n{waits}")
        return transaction.now + RETRY


def _why(studio: StudioState) -> str | None:
    """The first line of its message: why it stops. What else is said of the stop comes below, and goes."""
    return (studio.status_message or "").partition("\n")[0] or None


async def _stop(claim: ClaimedStudio) -> None:
    if not claim.session.saved:
        compute = await claim.compute()
        await claim.step(Step.END)
        await compute.stop(claim.name, claim.policy.stop_grace)
        observation = await claim.observe()
        if observation.presence is Presence.ABSENT:
            await _lost(claim)
            return
        await drain(claim)
        await _save(claim, observation)
    await claim.step(Step.FREE)
    await _finish(claim, await _removed(claim))


async def _save(claim: ClaimedStudio, observation: Observation) -> None:
    await claim.step(Step.SAVE)
    saved = await saves.save(claim, claim.session, interim=False)
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        if claim.session.exit_code is None:
            await sessions.change(transaction, claim.session.id, exit_code=observation.exit_code)
        await saves.record(transaction, studio, claim.session, saved, interim=False)
    await claim.reload_session()


async def _removed(claim: ClaimedStudio) -> str | None:
    """None once its resources are gone; else why they are not, which becomes a leftover. It is saved: nothing may hold up its end."""
    try:
        async with asyncio.timeout(REMOVAL_SECONDS):
            await (await claim.compute()).remove(claim.name)
    except (ComputeUnknown, ComputeFailed) as error:
        return describe_error(error)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        log.exception("The resources of Studio %s could not be removed; it is tried again", claim.studio.id)
        return describe_error(error)
    return None


async def _finish(claim: ClaimedStudio, left: str | None) -> None:
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        if left is not None:
            environment_id = claim.session.compute_environment_id
            await cleanup_tasks.leave(transaction, environment_id, studio.id, studio.public_id, claim.session.number, left)
        trigger = Trigger.SAVED if _clean(claim, studio) else Trigger.SAVED_AFTER_FAULT
        actor = await claim.actor(transaction, studio)
        await end_operation(transaction, studio)
        await _end(transaction, claim, studio, trigger, actor, _why(studio))
        await outputs.close(transaction, claim.session.id)


def _clean(claim: ClaimedStudio, studio: StudioState) -> bool:
    """Whether it ended as asked, or by itself without an error (B12)."""
    if studio.stop_reason == StopReason.OUT_OF_MEMORY.value:
        return False
    return studio.stop_reason != StopReason.EXITED.value or claim.session.exit_code == 0


async def _lost(claim: ClaimedStudio) -> None:
    """Positively not there, and not saved: removed from outside. The newest interim checkpoint stays (B31)."""
    message = "Its session was removed from the compute environment from outside before it could be saved."
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        await end_operation(transaction, studio, message)
        await sessions.change(transaction, claim.session.id, saved=True)
        await cleanup_tasks.leave(
            transaction, claim.session.compute_environment_id, studio.id, studio.public_id, claim.session.number, message
        )
        await _end(transaction, claim, studio, Trigger.COMPUTE_ENV_LOST, Actor.system("removed-outside"), message)


async def _save_failed(claim: ClaimedStudio, why: str) -> None:
    """What it wrote is kept where it is; the next start saves it first (B8)."""
    message = f"It could not be saved: {why} Nothing is lost: its files are kept, and the next start saves them first."
    async with claim.result(StudioStatus.STOPPING) as (transaction, studio):
        await end_operation(transaction, studio, message)
        await _end(transaction, claim, studio, Trigger.SAVE_FAILED, Actor.system("save"), message)


async def _end(
    transaction: Transaction, claim: ClaimedStudio, studio: StudioState, trigger: Trigger, actor: Actor, message: str | None
) -> None:
    moved = await move(transaction, studio, trigger, actor, message, deadline=None, due_at=None)
    await sessions.change(transaction, claim.session.id, ended_at=transaction.now, stop_reason=moved.stop_reason)
