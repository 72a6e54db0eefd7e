"""From STARTING to RUNNING, or to ERRORED with a reason (B3, B7, B8, B10)."""

import asyncio
import logging
from datetime import datetime, timedelta
from time import monotonic

from services.checkpoints import saves
from services.compute.protocol import (
    CheckpointMissing,
    Compute,
    ComputeFailed,
    ComputeUnknown,
    ImageMissing,
    ImageSpec,
    Presence,
    Saved,
    SessionSpec,
    Upstream,
)
from services.controller.error_text import describe_error
from services.controller.lifecycle import start_timeout
from services.controller.lifecycle.claimed_studio import ClaimedStudio, LeaseLost
from services.controller.logs.log_drain import drain
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import StudioStatus
from services.secrets import masking
from services.secrets.secret_box import CannotOpen
from services.store import builds, checkpoints, cleanup_tasks, compute_environments, outputs, sessions, templates
from services.store.cleanup_tasks import Leftover
from services.store.compute_environments import EnvironmentState, WorkspaceSettings
from services.store.db.database import DatabaseUnavailable
from services.store.templates import TemplateState
from services.studios import configuration
from services.studios.progress import Step
from services.studios.transitions import end_operation, move, say

log = logging.getLogger(__name__)

RETRY = timedelta(seconds=2)
AFTER_THE_DEADLINE = 1.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.1
LOOK_SECONDS = 0.1
"""Between two looks whether the session is still there while its tool is asked: each is a call to the engine."""
LAST_WORDS = 800
"""Characters of output in a status message."""


class PreviousSaveFailed(Exception):
    """The former session's file system could not be saved, so this start must not go on (B8)."""


class EnvironmentNotLoaded(ComputeFailed):
    """The session ended without its environment."""


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Do what is missing; every part may have been done before a crash. Returns when to look again."""
    try:
        return await _advance(claim)
    except (LeaseLost, DatabaseUnavailable):
        raise
    except Exception:
        if not claim.late:
            raise  # told in the log, and tried again
        log.exception("Studio %s cannot be started", claim.studio.id)
        await _fail(claim, Trigger.START_TIMEOUT, "It could not be started in time: an error inside the server, which is told in its log.")
        return None


async def _advance(claim: ClaimedStudio) -> datetime | None:
    try:
        async with asyncio.timeout(_left(claim)) as limit:
            await _start(claim)
    except TimeoutError:
        if not limit.expired():
            raise  # of some call within, not our deadline
        return await _deadline(claim)
    except ComputeUnknown as unknown:
        return await (_deadline(claim, describe_error(unknown)) if claim.late else _unknown(claim, describe_error(unknown)))
    except CheckpointMissing as missing:
        await _fail(claim, Trigger.CHECKPOINT_MISSING, describe_error(missing))
    except PreviousSaveFailed as failed:
        await _fail(claim, Trigger.SAVE_FAILED, describe_error(failed))
    except ImageMissing as missing:
        await _fail(claim, Trigger.START_FAILED, describe_error(missing), missing.reference)
    except ComputeFailed as failed:
        await _fail(claim, Trigger.START_FAILED, describe_error(failed))
    return None


def _left(claim: ClaimedStudio) -> float:
    """Seconds until the deadline; a little even after it, so that a start that is nearly there is not lost to a restart of ours."""
    return max(((claim.studio.deadline or claim.now) - claim.now).total_seconds(), AFTER_THE_DEADLINE)


async def _start(claim: ClaimedStudio) -> None:
    compute = await claim.compute()
    await _clean(claim)
    async with claim.services.database.read() as reader:
        template = await templates.find(reader, claim.session.template_id)
        environment = await compute_environments.find(reader, claim.session.compute_environment_id)
    assert template is not None
    assert environment is not None
    image = ImageSpec(template.tool, template.image, template.tool_version, built=template.recipe is not None)
    await claim.step(Step.TOOL)
    await compute.ensure_image(image, lambda message: claim.step(Step.TOOL, message))
    await claim.step(Step.SESSION)
    spec = await _spec(claim, image, template, environment)
    await compute.ensure_session(spec, lambda message: claim.step(Step.SESSION, message))
    await claim.step(Step.ANSWER)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await say(transaction, studio, "Starting.")  # the environment answers, whatever was said before
    await _ready(claim, await _answer(claim, compute, spec))


async def _clean(claim: ClaimedStudio) -> None:
    """Save what a former session left unsaved, and see its resources gone. What is noted for later may come into being until then."""
    async with claim.services.database.read() as reader:
        unsaved = await sessions.unsaved_before(reader, claim.studio.id, claim.session.number)
        left = await cleanup_tasks.of_studio(reader, claim.studio.id)
    if unsaved or left:
        await claim.step(Step.CLEAN)
    if unsaved:
        left.append(await _save_former(claim, unsaved))
    for leftover in left:
        former = await claim.services.computes.get(leftover.compute_environment_id)
        await former.remove(claim.name_of(leftover.session_number))
        async with claim.result(StudioStatus.STARTING) as (transaction, _):
            if leftover.due_at <= transaction.now:
                await cleanup_tasks.gone(transaction, leftover)


async def _save_former(claim: ClaimedStudio, former: sessions.SessionState) -> Leftover:
    """Its save is recorded together with what is left of it, so that nothing between the two can make us forget its resources."""
    saved = await _saved_former(claim, former)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        if saved is None:
            await sessions.change(transaction, former.id, saved=True)
        else:
            await saves.record(transaction, studio, former, saved, interim=False)
            await sessions.change(transaction, claim.session.id, base_checkpoint_id=former.checkpoint_id)
            await checkpoints.change(transaction, claim.session.checkpoint_id, parent_id=former.checkpoint_id)
        left = await cleanup_tasks.leave(transaction, former.compute_environment_id, studio.id, studio.public_id, former.number)
    await claim.reload_session()
    return left


async def _saved_former(claim: ClaimedStudio, former: sessions.SessionState) -> Saved | None:
    """None where nothing is there any more. Its processes may run still, if it was their end that failed. Raises SaveFailedFirst."""
    compute, name = await claim.services.computes.get(former.compute_environment_id), claim.name_of(former.number)
    if (await compute.observe(name)).presence is Presence.ABSENT:
        return None
    try:
        await compute.stop(name, claim.policy.stop_grace)
        return await saves.save(claim, former, interim=False)
    except ComputeFailed as failed:
        raise PreviousSaveFailed(f"The former session still cannot be saved: {describe_error(failed)}") from failed


async def _spec(claim: ClaimedStudio, image: ImageSpec, template: TemplateState, environment: EnvironmentState) -> SessionSpec:
    base = None
    if claim.session.base_checkpoint_id:
        async with claim.services.database.read() as reader:
            base = await checkpoints.find(reader, claim.session.base_checkpoint_id)
        if base is None or base.deleted_at is not None or base.reference is None:
            raise CheckpointMissing("The checkpoint it starts from was deleted.")
    runs_with = claim.session.configuration
    return SessionSpec(
        name=claim.name,
        image=image,
        port=template.port,
        ready_path=template.ready_path,
        cpu=runs_with["cpu"],
        memory_mib=runs_with["memory_mib"],
        gpu=runs_with["gpu"],
        env_vars=_variables(claim, environment),
        base=base.reference if base else None,
        base_digest=base.digest if base else None,
    )


def _variables(claim: ClaimedStudio, environment: EnvironmentState) -> dict[str, str]:
    try:
        return configuration.opened(environment.environment, claim.session.configuration["environment"], seal=claim.services.seal)
    except CannotOpen as error:
        raise ComputeFailed(
            "The values of its secret variables were sealed with a key that this server does not have. Set them again, then start it."
        ) from error


async def _answer(claim: ClaimedStudio, compute: Compute, spec: SessionSpec) -> Upstream:
    """Wait until the tool answers an HTTP request (B3). Raises ComputeFailed if it ends before.

    A session that was still there when we found it may have lost its server before it was prepared, and end only now.
    """
    try:
        return await _first_answer(claim, compute, spec)
    except EnvironmentNotLoaded:
        await compute.ensure_session(spec, lambda message: claim.step(Step.SESSION, message))
        return await _first_answer(claim, compute, spec)


async def _first_answer(claim: ClaimedStudio, compute: Compute, spec: SessionSpec) -> Upstream:
    began = seen = monotonic()
    while (upstream := await compute.probe(spec.name, spec.port, spec.ready_path)) is None:
        if monotonic() - seen >= LOOK_SECONDS:
            await _require_alive(claim, compute)
            seen = monotonic()
        await asyncio.sleep(_pause(monotonic() - began))
    return upstream


def _pause(waited: float) -> float:
    """Seconds until the next question: a tool that is quick is asked often, and none is kept waiting much longer than it took itself."""
    return min(max(waited / 20, SHORTEST_PAUSE), LONGEST_PAUSE)


async def _require_alive(claim: ClaimedStudio, compute: Compute) -> None:
    observation = await compute.observe(claim.name)
    if observation.presence in (Presence.EXITED, Presence.ABSENT):
        code = "" if observation.exit_code is None else f" (exit code {observation.exit_code})"
        memory = " It ran out of memory." if observation.out_of_memory else ""
        kind = EnvironmentNotLoaded if observation.unprepared else ComputeFailed
        raise kind(f"The tool ended before it answered{code}.{memory}{await _last_words(claim, compute)}")


async def _last_words(claim: ClaimedStudio, compute: Compute) -> str:
    """The end of what the session printed, as a help; secrets it may have printed are taken out."""
    given = await saves.secrets(claim.services, claim.session)
    secrets = await asyncio.to_thread(masking.forms, given)
    margin = max((len(secret.encode()) for secret in secrets), default=0)
    try:
        data = await compute.tail(claim.name, LAST_WORDS + margin)
    except (ComputeUnknown, ComputeFailed):
        return ""
    skip = margin if len(data) == LAST_WORDS + margin else 0
    text = await asyncio.to_thread(masking.masked, data.decode(errors="replace"), secrets, skip)
    lines = [line for line in describe_error(text[-LAST_WORDS:]).splitlines() if line.strip()][-5:]
    return f" Its last output:\n{chr(10).join(lines)}" if lines else ""


async def _ready(claim: ClaimedStudio, upstream: Upstream) -> None:
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        settings = await compute_environments.settings(transaction, studio.workspace_id)
        await sessions.change(
            transaction,
            claim.session.id,
            upstream=upstream.to_json(),
            running_at=transaction.now,
            **_times(claim, transaction.now, settings),
        )
        await end_operation(transaction, studio)
        actor = await claim.actor(transaction, studio)
        await move(transaction, studio, Trigger.READY, actor, None, deadline=None, due_at=transaction.now)


def _times(claim: ClaimedStudio, now: datetime, settings: WorkspaceSettings) -> dict[str, datetime | None]:
    """When the session ends by itself, and when it is saved next. A lifespan of 0 is unlimited (B13)."""
    hours = claim.session.configuration["lifespan_hours"]
    idle = settings.idle_minutes
    every = settings.checkpoint_interval_seconds
    interval = claim.policy.checkpoint_interval if every is None else timedelta(seconds=every)
    return {
        "expires_at": now + timedelta(hours=hours) if hours else None,
        "idle_stops_at": now + timedelta(minutes=idle) if idle else None,
        "next_save_at": now + interval if interval else None,
    }


async def _unknown(claim: ClaimedStudio, why: str) -> datetime | None:
    """Unknown is not failed: report, and try again; a deadline that passes meanwhile is reported, not acted on."""
    late = ""
    if claim.studio.deadline and claim.late:
        late = f" The start's deadline ({claim.studio.deadline:%H:%M:%S} UTC) has passed; it is decided once the environment answers."
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await say(transaction, studio, f"Waiting: the compute environment does not answer ({why}).{late}")
        return transaction.now + RETRY


async def _deadline(claim: ClaimedStudio, why: str | None = None) -> datetime | None:
    """The deadline has passed: if the environment answers at all, the start has failed. What the tool printed may tell why."""
    try:
        await claim.observe()
    except ComputeUnknown as unknown:
        return await _unknown(claim, describe_error(unknown))
    except ComputeFailed:
        pass  # an answer, too
    minutes = claim.policy.start_deadline.total_seconds() / 60
    told = f"{why or await start_timeout.timeout_reason(claim)}.{await _last_words(claim, await claim.compute())}"
    await _fail(claim, Trigger.START_TIMEOUT, f"It could not be started within {minutes:g} min: {told}")
    return None


async def _fail(claim: ClaimedStudio, trigger: Trigger, message: str, missing_image: str | None = None) -> None:
    """The start has failed: nothing of the user's is in this session, so its resources go; what was saved before stays."""
    await drain(claim)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        if missing_image:
            await builds.forget(transaction, claim.session.compute_environment_id, missing_image, message)
        if trigger is Trigger.CHECKPOINT_MISSING and claim.session.base_checkpoint_id:
            await saves.invalidate(transaction, studio, claim.session.base_checkpoint_id)
        await end_operation(transaction, studio, message)
        moved = await move(
            transaction,
            studio,
            trigger,
            Actor.system(trigger.value),
            message,
            desired=StudioStatus.STOPPED.value,
            deadline=None,
            due_at=None,
        )
        ended = {"saved": True, "ended_at": transaction.now, "stop_reason": moved.stop_reason}
        await sessions.change(transaction, claim.session.id, **ended)
        await outputs.close(transaction, claim.session.id)
        environment_id = claim.session.compute_environment_id
        await cleanup_tasks.leave(transaction, environment_id, studio.id, studio.public_id, claim.session.number, message[:200])
