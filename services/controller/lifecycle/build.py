"""Waits for the build of an image: takes a Studio from BUILDING to STARTING, or to BUILD_FAILED with the reason (B8, B84)."""

from datetime import datetime, timedelta

from services.controller.error_text import duration_text
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import BuildState, StudioStatus
from services.store import builds, operations
from services.store.builds import Build
from services.studios.progress import Step
from services.studios.session_end import SessionEnd, end_session
from services.studios.transitions import move

CHECK_INTERVAL = timedelta(seconds=30)
"""The longest time between two checks; the builder makes the Studio due with every step of the build as well."""


async def advance(claim: ClaimedStudio) -> datetime | None:
    """Checks the state of the build, and acts on its end. Returns when to check again."""
    build = await _build(claim)
    if build is None or build.state == BuildState.SUCCEEDED.value:
        await _start(claim)
        return claim.now
    if not build.is_open:
        await _fail(claim, build.message or "The image could not be built.")
        return None
    if claim.studio.deadline and claim.studio.deadline <= claim.now:
        limit = duration_text(claim.policy.build_deadline)
        await _fail(claim, f"The image could not be built within {limit}. Retry the build: finished steps are not repeated.")
        return None
    await claim.report_step(Step.BUILD, build.message)
    return claim.now + CHECK_INTERVAL


async def _build(claim: ClaimedStudio) -> Build | None:
    if claim.studio.build_id is None:
        return None
    async with claim.services.database.read() as reader:
        return await builds.find(reader, claim.studio.build_id)


async def _start(claim: ClaimedStudio) -> None:
    async with claim.result(StudioStatus.BUILDING) as (transaction, studio):
        deadline = transaction.now + claim.policy.start_deadline
        actor = await claim.actor(transaction, studio)
        await operations.change(transaction, studio.operation_id or "", deadline=deadline)
        await move(transaction, studio, Trigger.BUILT, actor, "Starting.", deadline=deadline, due_at=transaction.now)


async def _fail(claim: ClaimedStudio, message: str) -> None:
    async with claim.result(StudioStatus.BUILDING) as (transaction, studio):
        await end_session(transaction, studio, SessionEnd(Trigger.BUILD_FAILED, Actor.system("build"), message))
