"""While RUNNING: is it still there, does it end now, is it saved (B4, B30, B31, B57)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from services.checkpoints import saves
from services.compute.protocol import ComputeFailed, ComputeUnknown, Observation, Presence
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import ConnectionErrorCode, StudioStatus
from services.store import cleanup_tasks, compute_environments, sessions
from services.store.sessions import SessionState
from services.studios.stop import StopStudio, warn
from services.studios.transitions import move, say

RETRY = timedelta(seconds=2)
SAVE_FAILED = "Its last periodic save failed"
"""Stays said until a save succeeds."""
IDLE_WARNING = timedelta(minutes=1)
LONGEST_SAVE = timedelta(minutes=10)
PAUSE_SHARE = 50
"""An interval is at least this many times as long as the pause a save makes: under 2 % of the time (B34)."""


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Look at the session, then at the clock. Returns when to look again."""
    try:
        observation = await claim.observe()
    except ComputeUnknown as unknown:
        return await _unknown(claim, describe_error(unknown))
    except ComputeFailed as failed:
        return await _unknown(claim, describe_error(failed))
    if observation.presence is Presence.EXITED:
        return await _exited(claim, observation)
    if observation.presence is Presence.ABSENT:
        await _lost(claim)
        return None
    if _ending(claim.session, claim.now):
        return await _end(claim)
    await _follow(claim, observation)
    await _warn(claim)
    if claim.session.next_save_at and claim.session.next_save_at <= claim.now:
        await _save(claim)
    elif not (claim.studio.status_message or SAVE_FAILED).startswith(SAVE_FAILED):
        async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
            await say(transaction, studio, None)
    return _next(claim)


def _next(claim: ClaimedStudio) -> datetime:
    """The next time something is due; a look in any case now and then, since a lost event must not matter."""
    session = claim.session
    times = [session.stop_at, session.expires_at, session.idle_stops_at, session.next_save_at]
    times += [plan.warn_at for plan in _plans(claim) if not _warned(session, plan)]
    return min([claim.now + claim.policy.observe_every, *(max(time, claim.now) for time in times if time)])


async def _follow(claim: ClaimedStudio, observation: Observation) -> None:
    """Have it reached where it listens now."""
    before, now = claim.session.upstream, observation.upstream
    if before is None or now is None:
        return
    upstream = before | {"host": now.host, "port": now.port or before["port"]}
    if upstream != before:
        async with claim.result(StudioStatus.RUNNING) as (transaction, _):
            await sessions.change(transaction, claim.session.id, upstream=upstream)
        await claim.reload_session()


async def _unknown(claim: ClaimedStudio, why: str) -> datetime:
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        await say(transaction, studio, f"The compute environment does not answer ({why}); the session may well be running.")
        return transaction.now + RETRY


async def _exited(claim: ClaimedStudio, observation: Observation) -> datetime | None:
    """The main process is gone: what it wrote is saved (B12)."""
    clean = observation.exit_code == 0 and not observation.out_of_memory
    if observation.out_of_memory:
        trigger, message = Trigger.OUT_OF_MEMORY, "It ran out of memory. Give it more and start it again; what it wrote is saved."
    else:
        trigger, message = Trigger.EXITED, _ended_by_itself(observation)
    code = ConnectionErrorCode.STUDIO_STOPPED if clean else ConnectionErrorCode.STUDIO_ERRORED
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        found = {"exit_code": observation.exit_code, "out_of_memory": observation.out_of_memory}
        await sessions.change(transaction, claim.session.id, **found)
        await StopStudio(claim.policy).begin(transaction, studio, trigger, Actor.system("process-exit"), message, code)
        return transaction.now


def _ended_by_itself(observation: Observation) -> str:
    if observation.exit_code is None:
        return "The tool ended by itself. What it wrote is saved."
    return f"The tool ended by itself (exit code {observation.exit_code}). What it wrote is saved."


async def _lost(claim: ClaimedStudio) -> None:
    """Positively not there: removed from outside, so that nothing is left to save. The newest checkpoint stays (B31)."""
    message = "Its session was removed from the compute environment from outside. Start it again from its newest checkpoint."
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        await cleanup_tasks.leave(
            transaction, claim.session.compute_environment_id, studio.id, studio.public_id, claim.session.number, message
        )
        ended = {"saved": True, "ended_at": transaction.now}
        moved = await move(
            transaction,
            studio,
            Trigger.COMPUTE_ENV_LOST,
            Actor.system("removed-outside"),
            message,
            desired=StudioStatus.STOPPED.value,
            deadline=None,
            due_at=None,
        )
        await sessions.change(transaction, claim.session.id, **ended, stop_reason=moved.stop_reason)


def _ending(session: SessionState, now: datetime) -> tuple[Trigger, Actor, str] | None:
    """Why it must stop now, if it must."""
    if session.stop_at and session.stop_at <= now:
        actor = Actor.from_json(session.stop_actor or {})
        return Trigger.STOP, actor, f"Stopped by {actor.name}, as announced."
    if session.expires_at and session.expires_at <= now:
        return Trigger.LIFESPAN, Actor.system("lifespan"), "Its lifespan has ended. Start it again to go on where it was."
    if session.idle_stops_at and session.idle_stops_at <= now:
        return Trigger.IDLE, Actor.system("idle"), "Nobody used it for the time that the workspace allows. Start it again to go on."
    return None


async def _end(claim: ClaimedStudio) -> datetime | None:
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        session = await sessions.find(transaction, studio.id, studio.session_number)
        ending = _ending(session, transaction.now) if session else None
        if ending:  # else it was put off meanwhile: somebody came back
            await StopStudio(claim.policy).begin(transaction, studio, *ending)
        return transaction.now


@dataclass(frozen=True, slots=True)
class Plan:
    """An end that comes by itself, and when people are told of it."""

    at: datetime
    warn_at: datetime
    code: ConnectionErrorCode
    cause: str
    reason: str


def _plans(claim: ClaimedStudio) -> list[Plan]:
    session, plans = claim.session, []
    if session.expires_at:
        reason = f"Its lifespan ends at {session.expires_at:%H:%M} UTC. What is in it will be saved."
        warn_at = session.expires_at - claim.policy.warn_before
        plans.append(Plan(session.expires_at, warn_at, ConnectionErrorCode.LIFESPAN_EXPIRED, "lifespan", reason))
    if session.idle_stops_at:
        reason = f"Nobody uses it: it will be stopped at {session.idle_stops_at:%H:%M:%S} UTC. What is in it will be saved."
        warn_at = session.idle_stops_at - IDLE_WARNING
        plans.append(Plan(session.idle_stops_at, warn_at, ConnectionErrorCode.IDLE_STOPPED, "idle", reason))
    return plans


def _warned(session: SessionState, plan: Plan) -> bool:
    """A plan that was put off is told of again when its new time comes near."""
    return session.warned_at is not None and session.warned_at >= plan.warn_at


async def _warn(claim: ClaimedStudio) -> None:
    """Once, some time before it ends by itself (B57)."""
    due = [plan for plan in _plans(claim) if plan.warn_at <= claim.now and not _warned(claim.session, plan)]
    if not due:
        return
    async with claim.result(StudioStatus.RUNNING) as (transaction, studio):
        for plan in due:
            await warn(transaction, studio, plan.code, Actor.system(plan.cause), plan.reason, plan.at.isoformat())
        await sessions.change(transaction, claim.session.id, warned_at=transaction.now)
    await claim.reload_session()


async def _save(claim: ClaimedStudio) -> None:
    """An interim checkpoint. A failure is told and tried again later: the session goes on."""
    message = None
    began = monotonic()
    interval = await _interval(claim)
    try:
        async with asyncio.timeout(_time_for_a_save(claim)):
            saved = await saves.save(claim, claim.session, interim=True)
    except (ComputeFailed, ComputeUnknown) as error:
        saved, message = None, f"{SAVE_FAILED} ({describe_error(error)}); it is tried again."
    except TimeoutError:
        saved, message = None, f"{SAVE_FAILED} (it took too long); it is tried again."
    took = timedelta(seconds=monotonic() - began)
    async with claim.result(StudioStatus.RUNNING, StudioStatus.STOPPING) as (transaction, studio):
        if saved is not None:
            await saves.record(transaction, studio, claim.session, saved, interim=True)
        if studio.status is StudioStatus.RUNNING:  # a stop that came meanwhile has said why
            await say(transaction, studio, message)
        next_save_at = transaction.now + max(interval, took * PAUSE_SHARE) if interval else None
        await sessions.change(transaction, claim.session.id, next_save_at=next_save_at)
    await claim.reload_session()


def _time_for_a_save(claim: ClaimedStudio) -> float:
    """Seconds: a save that hangs must not put off the session's end."""
    ends = [end - claim.now for end in (claim.session.stop_at, claim.session.expires_at) if end]
    return max(min([LONGEST_SAVE, *ends]).total_seconds(), 0)


async def _interval(claim: ClaimedStudio) -> timedelta:
    """0 = no periodic saves."""
    async with claim.services.database.read() as reader:
        every = (await compute_environments.settings(reader, claim.studio.workspace_id)).checkpoint_interval_seconds
    return claim.policy.checkpoint_interval if every is None else timedelta(seconds=every)
