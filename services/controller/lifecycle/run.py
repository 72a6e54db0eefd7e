"""Watches a running session: whether it still exists, whether it must end now, and when it is saved (B4, B30, B31, B57)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from services.checkpoints import saves
from services.checkpoints.saves import SaveKind
from services.compute.protocol import ComputeFailed, ComputeUnknown, Observation, Presence
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import SILENCE, ClaimedStudio
from services.controller.lifecycle.requested_save import save_as_requested
from services.controller.lifecycle.session_save import find_final_save, save_session, stretched
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import ConnectionErrorCode, StudioStatus
from services.store import sessions
from services.store.sessions import SessionState
from services.studios.session_end import SessionEnd, end_session
from services.studios.stop import StopStudio, warn
from services.studios.transitions import set_status_message

SAVE_FAILED = "The last periodic save failed"
"""The beginning of a status message that stays until a save succeeds."""
IDLE_WARNING_TIME = timedelta(minutes=1)
"""How long before the stop of an unused session its users are warned."""
MAX_SAVE_TIME = timedelta(minutes=10)


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Observes the session, then acts on what is due. Returns when to run again."""
    try:
        return await _advance(claim)
    except (ComputeUnknown, ComputeFailed) as error:
        return await _report_unknown(claim, describe_error(error))


async def _advance(claim: ClaimedStudio) -> datetime | None:
    observation = await claim.observe()
    if observation.presence is Presence.EXITED:
        return await _begin_stop_of_exited(claim, observation)
    if observation.presence is Presence.ABSENT:
        await _end_lost(claim)
        return None
    if _end_due(claim.session, claim.now):
        return await _end(claim)
    await _update_upstream(claim, observation)
    await _warn(claim)
    if claim.session.requested_checkpoint_id:
        await save_as_requested(claim, _save_limit(claim))
    elif claim.session.next_save_at and claim.session.next_save_at <= claim.now:
        await _save(claim)
    elif not (claim.studio.status_message or SAVE_FAILED).startswith(SAVE_FAILED):
        async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
            await set_status_message(transaction, studio, None)
    return _next(claim)


def _next(claim: ClaimedStudio) -> datetime:
    """Returns the next time something is due, or the next observation: an event from the compute environment may be lost."""
    session = claim.session
    times = [session.stop_at, session.expires_at, session.idle_stops_at, session.next_save_at]
    times += [plan.warn_at for plan in _planned_ends(claim) if not _warned(session, plan)]
    return min([claim.now + claim.policy.observe_interval, *(max(time, claim.now) for time in times if time)])


async def _update_upstream(claim: ClaimedStudio, observation: Observation) -> None:
    """Records the tool's address if it has changed."""
    before, now = claim.session.upstream, observation.upstream
    if before is None or now is None:
        return
    upstream = before | {"host": now.host, "port": now.port or before["port"]}
    if upstream != before:
        async with claim.result(StudioStatus.RUNNING) as (transaction, _):
            await sessions.change(transaction, claim.session.id, upstream=upstream)
        await claim.reload_session()


async def _report_unknown(claim: ClaimedStudio, reason: str) -> datetime:
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        await set_status_message(transaction, studio, f"The {SILENCE} ({reason}). The session may still be running.")
        return claim.retry_at(transaction.now)


async def _begin_stop_of_exited(claim: ClaimedStudio, observation: Observation) -> datetime | None:
    """Begins the stop, with a save, of a session whose main process has ended (B12)."""
    clean = observation.exit_code == 0 and not observation.out_of_memory
    if observation.out_of_memory:
        trigger, message = (
            Trigger.OUT_OF_MEMORY,
            "The session ran out of memory. Its files were saved. Give it more memory and start it again.",
        )
    else:
        trigger, message = Trigger.EXITED, _exit_message(observation)
    code = ConnectionErrorCode.STUDIO_STOPPED if clean else ConnectionErrorCode.STUDIO_ERRORED
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        outcome = {"exit_code": observation.exit_code, "out_of_memory": observation.out_of_memory}
        await sessions.change(transaction, claim.session.id, **outcome)
        await StopStudio(claim.policy).begin(transaction, studio, trigger, Actor.system("process-exit"), message, code)
        return transaction.now


def _exit_message(observation: Observation) -> str:
    if observation.exit_code is None:
        return "The tool ended by itself. Its files were saved."
    return f"The tool ended by itself (exit code {observation.exit_code}). Its files were saved."


async def _end_lost(claim: ClaimedStudio) -> None:
    """Ends a session that was removed from outside, so that nothing is left to save. The newest checkpoint stays (B31).

    If it has a finished final save, it was stopped, and the record of that was lost in a power failure: then the stop is completed.
    """
    saved = await find_final_save(claim, claim.session)
    if saved is not None:
        async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
            await saves.record(transaction, studio, claim.session, saved, SaveKind.FINAL)
            actor, message = Actor.system("final-save-found"), "It had been stopped and saved before the server lost the record of it."
            await StopStudio(claim.policy).begin(transaction, studio, Trigger.STOP, actor, message)
        return
    message = "The session was removed from the compute environment from outside. Start it again from its newest checkpoint."
    end = SessionEnd(Trigger.COMPUTE_ENV_LOST, Actor.system("removed-outside"), message, cleanup=claim.name)
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        await saves.mark_lost(transaction, claim.session)
        await end_session(transaction, studio, end)


def _end_due(session: SessionState, now: datetime) -> tuple[Trigger, Actor, str] | None:
    """Returns why the session must stop now (trigger, actor and message), None if it need not."""
    if session.stop_at and session.stop_at <= now:
        actor = Actor.from_json(session.stop_actor or {})
        return Trigger.STOP, actor, f"Stopped by {actor.name}, as announced."
    if session.expires_at and session.expires_at <= now:
        return Trigger.LIFESPAN, Actor.system("lifespan"), "The lifespan of the session has ended. Start it again to continue."
    if session.idle_stops_at and session.idle_stops_at <= now:
        return (
            Trigger.IDLE,
            Actor.system("idle"),
            "Nobody used the session for the time that the workspace allows. Start it again to continue.",
        )
    return None


async def _end(claim: ClaimedStudio) -> datetime | None:
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        session = await sessions.find(transaction, studio.id, studio.session_number)
        end = _end_due(session, transaction.now) if session else None
        if end:  # else it was postponed meanwhile: a user came back
            await StopStudio(claim.policy).begin(transaction, studio, *end)
        return transaction.now


@dataclass(frozen=True, slots=True)
class PlannedEnd:
    """A stop at a known time, and when users are warned of it."""

    at: datetime
    warn_at: datetime
    code: ConnectionErrorCode
    cause: str
    reason: str


def _planned_ends(claim: ClaimedStudio) -> list[PlannedEnd]:
    session, plans = claim.session, []
    if session.expires_at:
        reason = f"The lifespan of the session ends at {session.expires_at:%H:%M} UTC. Its files will be saved."
        warn_at = session.expires_at - claim.policy.warning_time
        plans.append(PlannedEnd(session.expires_at, warn_at, ConnectionErrorCode.LIFESPAN_EXPIRED, "lifespan", reason))
    if session.idle_stops_at:
        reason = f"Nobody uses the session: it will be stopped at {session.idle_stops_at:%H:%M:%S} UTC. Its files will be saved."
        warn_at = session.idle_stops_at - IDLE_WARNING_TIME
        plans.append(PlannedEnd(session.idle_stops_at, warn_at, ConnectionErrorCode.IDLE_STOPPED, "idle", reason))
    return plans


def _warned(session: SessionState, plan: PlannedEnd) -> bool:
    """Whether users were warned of this end. An end that was postponed is announced again before its new time."""
    return session.warned_at is not None and session.warned_at >= plan.warn_at


async def _warn(claim: ClaimedStudio) -> None:
    """Warns users once of each planned end whose warning is due (B57)."""
    due = [plan for plan in _planned_ends(claim) if plan.warn_at <= claim.now and not _warned(claim.session, plan)]
    if not due:
        return
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        for plan in due:
            await warn(transaction, studio, plan.code, Actor.system(plan.cause), plan.reason, plan.at)
        await sessions.change(transaction, claim.session.id, warned_at=transaction.now)
    await claim.reload_session()


async def _save(claim: ClaimedStudio) -> None:
    """Saves an interim checkpoint. A failure is shown in the status message and tried again later, while the session runs on."""
    message = None
    began = monotonic()
    interval = await claim.save_interval()
    try:
        async with asyncio.timeout(_save_limit(claim).total_seconds()):
            saved = await save_session(claim, claim.session, SaveKind.PERIODIC)
    except (ComputeFailed, ComputeUnknown) as error:
        saved, message = None, f"{SAVE_FAILED} ({describe_error(error)}); it will be tried again."
    except TimeoutError:
        saved, message = None, f"{SAVE_FAILED} (it took too long); it will be tried again."
    took = timedelta(seconds=monotonic() - began)
    async with claim.result(StudioStatus.RUNNING, StudioStatus.STOPPING) as (transaction, studio):
        if saved is not None:
            await saves.record(transaction, studio, claim.session, saved, SaveKind.PERIODIC)
        if studio.status is StudioStatus.RUNNING:  # a stop that began meanwhile has a message of its own
            await set_status_message(transaction, studio, message)
        next_save_at = transaction.now + stretched(interval, took, saved) if interval else None
        await sessions.change(transaction, claim.session.id, next_save_at=next_save_at)
    await claim.reload_session()


def _save_limit(claim: ClaimedStudio) -> timedelta:
    """Returns the time limit of a save: a save that hangs must not delay the session's end."""
    ends = [end - claim.now for end in (claim.session.stop_at, claim.session.expires_at) if end]
    return max(min([MAX_SAVE_TIME, *ends]), timedelta())
