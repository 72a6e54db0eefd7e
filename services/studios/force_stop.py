"""Getting a Studio out of a start or a stop that does not end (B9)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.domain.access import Permission, Viewer
from services.domain.errors import NotAllowedNow
from services.domain.lifecycle import ENDED, Action, Trigger, status_refusal
from services.domain.policy import Policy
from services.domain.statuses import StudioStatus
from services.store import cleanup_tasks, leases, sessions
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights
from services.studios.inputs import StudioActionRequest, StudioOutcome
from services.studios.transitions import end_operation, move


def begins(policy: Policy, since: datetime) -> datetime:
    """From when on a Studio that starts or stops since then may be forced."""
    return since + policy.force_after


def too_early(begins: datetime, now: datetime) -> str | None:
    """Why it cannot be forced at `now`, in words for the user; None if it can."""
    if now >= begins:
        return None
    return f"It can be forced to stop from {begins:%Y-%m-%d %H:%M:%S} UTC on, unless it has ended by itself by then."


@dataclass(frozen=True, slots=True)
class ForceStopStudio:
    """The newest saved checkpoint is what the next start begins from; what the session holds still is removed when that is possible."""

    policy: Policy

    async def __call__(self, transaction: Transaction, viewer: Viewer, given: StudioActionRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, StaleRevision, NotAllowedNow (says from when on)."""
        studio = await rights.studio_for(transaction, viewer, given.studio_id, Permission.STUDIO_STOP)
        rights.check_revision(studio, given.expected_revision)
        if studio.status in ENDED:
            return StudioOutcome(studio.id)  # it has ended: a repeated stop is a success that changes nothing (B12)
        if (of_status := status_refusal(studio.status, Action.FORCE_STOP)) is not None:
            raise NotAllowedNow(of_status, status=studio.status.value)
        until = begins(self.policy, studio.status_since)
        if (early := too_early(until, transaction.now)) is not None:
            raise NotAllowedNow(early, status=studio.status.value, until=until)
        await self._end(transaction, viewer, studio)
        return StudioOutcome(studio.id)

    async def _end(self, transaction: Transaction, viewer: Viewer, studio: StudioState) -> None:
        message = f"Forced to stop by {viewer.user_name}. What was not saved is lost; the next start begins from the newest checkpoint."
        await end_operation(transaction, studio, message, cancelled=True)
        await leases.break_lease(transaction, studio.id)
        ended: dict[str, Any] = {"desired": StudioStatus.STOPPED.value, "deadline": None, "due_at": None}
        moved = await move(transaction, studio, Trigger.FORCE_STOP, viewer.actor, message, **ended)
        session = await sessions.find(transaction, studio.id, studio.session_number)
        if session is None:
            return
        await sessions.change(transaction, session.id, saved=True, ended_at=transaction.now, stop_reason=moved.stop_reason)
        # The second time is for what a controller that does not know of the end yet makes meanwhile.
        for wait in (self.policy.lease * 0, self.policy.lease * 2):
            place = (session.compute_environment_id, studio.id, studio.public_id, session.number)
            await cleanup_tasks.leave(transaction, *place, message, wait=wait)
