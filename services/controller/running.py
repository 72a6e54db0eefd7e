"""While RUNNING: is it still there, does it end now, is it saved (B4, B30, B31, B57)."""

from datetime import datetime, timedelta
from time import monotonic

from services.actor import Actor
from services.compute.protocol import ComputeFailed, ComputeUnknown, Observation, Presence
from services.controller import saving
from services.controller.work import Work, words
from services.lifecycle import Trigger
from services.statuses import ConnectionErrorCode, StudioStatus
from services.store import environments, sessions
from services.studios.stop import Stopper, warn
from services.studios.transitions import move, say

RETRY = timedelta(seconds=2)
PAUSE_SHARE = 50
"""An interval is at least this many times as long as the pause a save makes: under 2 % of the time (B34)."""


async def advance(work: Work) -> datetime | None:
    """Look at the session, then at the clock. Returns when to look again."""
    try:
        observation = await (await work.compute()).observe(work.name)
    except ComputeUnknown as unknown:
        return await _unknown(work, str(unknown))
    except ComputeFailed as failed:
        return await _unknown(work, words(failed))
    if observation.presence is Presence.EXITED:
        return await _exited(work, observation)
    if observation.presence is Presence.ABSENT:
        await _lost(work)
        return None
    if ending := _ending(work):
        return await _end(work, *ending)
    await _warn(work)
    if work.session.next_save_at and work.session.next_save_at <= work.now:
        await _save(work)
    elif work.studio.status_message is not None:
        async with work.result(StudioStatus.RUNNING) as (transaction, studio):
            await say(transaction, studio, None)
    return _next(work)


def _next(work: Work) -> datetime:
    """The next time something is due; a look in any case now and then, since a lost event must not matter."""
    session = work.session
    times = [session.stop_at, session.expires_at, session.idle_stops_at, session.next_save_at]
    if session.expires_at and session.warned_at is None:
        times.append(session.expires_at - work.policy.warn_before)
    return min([work.now + work.policy.observe_every, *(max(time, work.now) for time in times if time)])


async def _unknown(work: Work, why: str) -> datetime:
    async with work.result(StudioStatus.RUNNING) as (transaction, studio):
        await say(transaction, studio, f"The compute environment does not answer ({why}); the session may well be running.")
        return transaction.now + RETRY


async def _exited(work: Work, observation: Observation) -> datetime | None:
    """The main process is gone: what it wrote is saved (B12)."""
    clean = observation.exit_code == 0 and not observation.out_of_memory
    if observation.out_of_memory:
        trigger, message = Trigger.OUT_OF_MEMORY, "It ran out of memory. Give it more and start it again; what it wrote is saved."
    else:
        trigger, message = Trigger.EXITED, _ended_by_itself(observation)
    code = ConnectionErrorCode.STUDIO_STOPPED if clean else ConnectionErrorCode.STUDIO_ERRORED
    async with work.result(StudioStatus.RUNNING) as (transaction, studio):
        found = {"exit_code": observation.exit_code, "out_of_memory": observation.out_of_memory}
        await sessions.change(transaction, work.session.id, **found)
        await Stopper(work.policy).begin(transaction, studio, trigger, Actor.system("process-exit"), message, code)
        return transaction.now


def _ended_by_itself(observation: Observation) -> str:
    if observation.exit_code is None:
        return "The tool ended by itself. What it wrote is saved."
    return f"The tool ended by itself (exit code {observation.exit_code}). What it wrote is saved."


async def _lost(work: Work) -> None:
    """Positively not there: removed from outside, so that nothing is left to save. The newest checkpoint stays (B31)."""
    message = "Its session was removed from the compute environment from outside. Start it again from its newest checkpoint."
    async with work.result(StudioStatus.RUNNING) as (transaction, studio):
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
        await sessions.change(transaction, work.session.id, **ended, stop_reason=moved.stop_reason)


def _ending(work: Work) -> tuple[Trigger, Actor, str] | None:
    """Why it must stop now, if it must."""
    session, now = work.session, work.now
    if session.stop_at and session.stop_at <= now:
        actor = Actor.from_json(session.stop_actor or {})
        return Trigger.STOP, actor, f"Stopped by {actor.name}, as announced."
    if session.expires_at and session.expires_at <= now:
        return Trigger.LIFESPAN, Actor.system("lifespan"), "Its lifespan has ended. Start it again to go on where it was."
    if session.idle_stops_at and session.idle_stops_at <= now:
        return Trigger.IDLE, Actor.system("idle"), "Nobody used it for the time that the workspace allows. Start it again to go on."
    return None


async def _end(work: Work, trigger: Trigger, actor: Actor, message: str) -> datetime | None:
    async with work.result(StudioStatus.RUNNING) as (transaction, studio):
        session = await sessions.find(transaction, studio.id, studio.session_number)
        if trigger is Trigger.IDLE and session and session.idle_stops_at and session.idle_stops_at > work.now:
            return session.idle_stops_at  # somebody came back meanwhile
        await Stopper(work.policy).begin(transaction, studio, trigger, actor, message)
        return transaction.now


async def _warn(work: Work) -> None:
    """Once, some minutes before the lifespan ends (B57)."""
    session = work.session
    if session.warned_at or not session.expires_at or session.expires_at - work.policy.warn_before > work.now:
        return
    async with work.result(StudioStatus.RUNNING) as (transaction, studio):
        reason = f"Its lifespan ends at {session.expires_at:%H:%M} UTC. What is in it will be saved."
        planned = session.expires_at.isoformat()
        await warn(transaction, studio, ConnectionErrorCode.LIFESPAN_EXPIRED, Actor.system("lifespan"), reason, planned)
        await sessions.change(transaction, session.id, warned_at=transaction.now)
    await work.reload_session()


async def _save(work: Work) -> None:
    """An interim checkpoint. A failure is told and tried again later: the session goes on."""
    message = None
    began = monotonic()
    interval = await _interval(work)
    try:
        saved = await saving.save(work, work.session, interim=True)
    except (ComputeFailed, ComputeUnknown) as error:
        saved, message = None, f"Its last periodic save failed ({error}); it is tried again."
    took = timedelta(seconds=monotonic() - began)
    async with work.result(StudioStatus.RUNNING, StudioStatus.STOPPING) as (transaction, studio):
        if saved is not None:
            await saving.record(transaction, studio, work.session, saved, interim=True)
        await say(transaction, studio, message)
        await sessions.change(transaction, work.session.id, next_save_at=transaction.now + max(interval, took * PAUSE_SHARE))
    await work.reload_session()


async def _interval(work: Work) -> timedelta:
    async with work.tools.database.read() as reader:
        every = (await environments.settings(reader, work.studio.workspace_id)).checkpoint_interval_seconds
    return work.policy.checkpoint_interval if every is None else timedelta(seconds=every)
