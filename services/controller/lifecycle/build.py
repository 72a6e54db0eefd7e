"""From BUILDING to STARTING, or to BUILD_FAILED with the reason: a Studio waits for its image's build (B8, B84)."""

from datetime import datetime, timedelta
from typing import Any

from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.statuses import BuildState, StudioStatus
from services.store import builds, operations, sessions
from services.store.builds import Build
from services.studios import building
from services.studios.progress import Step
from services.studios.transitions import end_operation, move

LOOK = timedelta(seconds=30)
"""In any case: whoever does the build asks for a look with every step of it."""


async def advance(claim: ClaimedStudio) -> datetime | None:
    """See how its build stands. Returns when to look again."""
    build = await _build(claim)
    if build is None or build.state == BuildState.SUCCEEDED.value:
        await _start(claim)
        return claim.now
    if not build.is_open:
        await _fail(claim, build.message or "The image could not be built.")
        return None
    if claim.studio.deadline and claim.studio.deadline <= claim.now:
        minutes = claim.policy.build_deadline.total_seconds() / 60
        await _fail(claim, f"The image could not be built within {minutes:g} min. Retry the build: it goes on where it was.")
        return None
    await claim.step(Step.BUILD, build.message)
    return claim.now + LOOK


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
        await end_operation(transaction, studio, message)
        ended: dict[str, Any] = {"desired": StudioStatus.STOPPED.value, "deadline": None, "due_at": None}
        moved = await move(transaction, studio, Trigger.BUILD_FAILED, Actor.system("build"), message, **ended)
        await sessions.change(transaction, claim.session.id, saved=True, ended_at=transaction.now, stop_reason=moved.stop_reason)
        await building.release(transaction, studio.build_id, "Nobody waits for it any more.")
