"""From BUILDING to STARTING, or to BUILD_FAILED with the reason: a Studio waits for its image's build (B8, B84)."""

from datetime import datetime, timedelta
from typing import Any

from services.controller.lifecycle.work import Work
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


async def advance(work: Work) -> datetime | None:
    """See how its build stands. Returns when to look again."""
    build = await _build(work)
    if build is None or build.state == BuildState.SUCCEEDED.value:
        await _start(work)
        return work.now
    if not build.is_open:
        await _fail(work, build.message or "The image could not be built.")
        return None
    if work.studio.deadline and work.studio.deadline <= work.now:
        minutes = work.policy.build_deadline.total_seconds() / 60
        await _fail(work, f"The image could not be built within {minutes:g} min. Retry the build: it goes on where it was.")
        return None
    await work.step(Step.BUILD, build.message)
    return work.now + LOOK


async def _build(work: Work) -> Build | None:
    if work.studio.build_id is None:
        return None
    async with work.tools.database.read() as reader:
        return await builds.find(reader, work.studio.build_id)


async def _start(work: Work) -> None:
    async with work.result(StudioStatus.BUILDING) as (transaction, studio):
        deadline = transaction.now + work.policy.start_deadline
        actor = await work.actor(transaction, studio)
        await operations.change(transaction, studio.operation_id or "", deadline=deadline)
        await move(transaction, studio, Trigger.BUILT, actor, "Starting.", deadline=deadline, due_at=transaction.now)


async def _fail(work: Work, message: str) -> None:
    async with work.result(StudioStatus.BUILDING) as (transaction, studio):
        await end_operation(transaction, studio, message)
        ended: dict[str, Any] = {"desired": StudioStatus.STOPPED.value, "deadline": None, "due_at": None}
        moved = await move(transaction, studio, Trigger.BUILD_FAILED, Actor.system("build"), message, **ended)
        await sessions.change(transaction, work.session.id, saved=True, ended_at=transaction.now, stop_reason=moved.stop_reason)
        await building.release(transaction, studio.build_id, "Nobody waits for it any more.")
