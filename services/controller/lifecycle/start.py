"""Starts a session: takes a Studio from STARTING to RUNNING, or to ERRORED with a reason (B3, B7, B8, B10)."""

import asyncio
import logging
from datetime import datetime, timedelta

from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, ImageMissing, ImageSpec, Upstream
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import ClaimedStudio, LeaseLost
from services.controller.lifecycle.former_sessions import PreviousSaveFailed, PreviousSessionLost, clean_up_former_sessions
from services.controller.lifecycle.session_spec import session_spec
from services.controller.lifecycle.start_failure import (
    act_on_deadline,
    fail_start,
    fail_without_former_session,
    fail_without_source,
    report_unknown,
)
from services.controller.lifecycle.tool_readiness import wait_for_tool
from services.controller.rebasing import SourceMissing
from services.domain.lifecycle import Trigger
from services.domain.statuses import OperationState, StudioStatus
from services.store import compute_environments, sessions, templates
from services.store.compute_environments import WorkspaceSettings
from services.store.db.database import DatabaseUnavailable
from services.studios.migration import attempts
from services.studios.progress import Step
from services.studios.transitions import end_operation, move, set_status_message

logger = logging.getLogger(__name__)

MIN_SECONDS_LEFT = 1.0
"""A start has this long even after its deadline, so that one that is nearly done is not lost to a restart of the server."""


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Runs the parts of the start that are missing: each may have been done before a crash. Returns when to run again."""
    try:
        return await _advance(claim)
    except (LeaseLost, DatabaseUnavailable):
        raise
    except Exception:
        if not claim.is_late:
            raise  # the controller logs it and tries again
        logger.exception("Studio %s cannot be started", claim.studio.id)
        message = "The session could not be started in time because of an internal error, which is in the log of the server."
        await fail_start(claim, Trigger.START_TIMEOUT, message)
        return None


async def _advance(claim: ClaimedStudio) -> datetime | None:
    try:
        async with asyncio.timeout(_seconds_left(claim)) as limit:
            await _start(claim)
    except TimeoutError:
        if not limit.expired():
            raise  # the time limit of a call inside, not the deadline of the start
        return await act_on_deadline(claim)
    except ComputeUnknown as error:
        reason = describe_error(error)
        return await (act_on_deadline(claim, reason) if claim.is_late else report_unknown(claim, reason))
    except SourceMissing as error:
        await fail_without_source(claim, error.checkpoint, describe_error(error))
    except CheckpointMissing as error:
        await fail_start(claim, Trigger.CHECKPOINT_MISSING, describe_error(error))
    except PreviousSaveFailed as error:
        await fail_start(claim, Trigger.SAVE_FAILED, describe_error(error))
    except PreviousSessionLost as error:
        await fail_without_former_session(claim, error.session, describe_error(error))
    except ImageMissing as error:
        await fail_start(claim, Trigger.START_FAILED, describe_error(error), error.reference)
    except ComputeFailed as error:
        await fail_start(claim, Trigger.START_FAILED, describe_error(error))
    return None


def _seconds_left(claim: ClaimedStudio) -> float:
    return max(((claim.studio.deadline or claim.now) - claim.now).total_seconds(), MIN_SECONDS_LEFT)


async def _start(claim: ClaimedStudio) -> None:
    compute = await claim.compute()
    await clean_up_former_sessions(claim)
    async with claim.services.database.read() as reader:
        template = await templates.find(reader, claim.session.template_id)
        environment = await compute_environments.find(reader, claim.session.compute_environment_id)
    assert template is not None
    assert environment is not None
    reference = claim.session.configuration.get("image", template.image)
    image = ImageSpec(template.tool, reference or template.image, template.tool_version, built=template.recipe is not None)
    await claim.report_step(Step.TOOL)
    if reference is not None:
        await compute.ensure_image(image, lambda message: claim.report_step(Step.TOOL, message))
    await claim.report_step(Step.SESSION)
    spec = await session_spec(claim, image, template, environment)
    await compute.ensure_session(spec, lambda message: claim.report_step(Step.SESSION, message))
    await claim.report_step(Step.ANSWER)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await set_status_message(transaction, studio, "Starting.")  # replaces a message that the environment does not answer
    await _complete(claim, await wait_for_tool(claim, compute, spec))


async def _complete(claim: ClaimedStudio, upstream: Upstream) -> None:
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        settings = await compute_environments.settings(transaction, studio.workspace_id)
        times = _session_times(claim, transaction.now, settings)
        await sessions.change(transaction, claim.session.id, upstream=upstream.to_json(), running_at=transaction.now, **times)
        await end_operation(transaction, studio, studio.operation_id, OperationState.SUCCEEDED)
        await attempts.begin_again(transaction, studio)
        actor = await claim.actor(transaction, studio)
        await move(transaction, studio, Trigger.READY, actor, None, deadline=None, due_at=transaction.now)


def _session_times(claim: ClaimedStudio, now: datetime, settings: WorkspaceSettings) -> dict[str, datetime | None]:
    """Returns when the session ends by itself, and when it is saved next. A lifespan of 0 is unlimited (B13)."""
    hours = claim.session.configuration["lifespan_hours"]
    idle_minutes = settings.idle_minutes
    interval = claim.policy.save_interval(settings.checkpoint_interval_seconds)
    return {
        "expires_at": now + timedelta(hours=hours) if hours else None,
        "idle_stops_at": now + timedelta(minutes=idle_minutes) if idle_minutes else None,
        "next_save_at": now + interval if interval else None,
    }
