"""Forces a Studio out of a start or a stop that does not end (B9)."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import Permission, Viewer
from services.domain.errors import NotAllowedNow
from services.domain.lifecycle import Action, Trigger
from services.domain.session_name import SessionName
from services.domain.statuses import OperationState
from services.domain.time_policy import TimePolicy
from services.store import leases
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights
from services.studios.requests import StudioActionRequest, StudioOutcome
from services.studios.session_end import SessionEnd, end_session
from services.studios.status_rules import is_repeat, require_status


def begins(policy: TimePolicy, since: datetime) -> datetime:
    """Returns the time from which a Studio that has been starting or stopping since `since` may be forced to stop."""
    return since + policy.force_stop_delay


def too_early(begins: datetime, now: datetime) -> str | None:
    """Returns why the Studio cannot be forced to stop at `now`, as a message for the user; None if it can."""
    if now >= begins:
        return None
    return f"The Studio can be forced to stop from {begins:%Y-%m-%d %H:%M:%S} UTC on. Wait until then."


@dataclass(frozen=True, slots=True)
class ForceStopStudio:
    """Ends a session unsaved: the next start begins from the newest checkpoint. Its resources are removed when that is possible."""

    policy: TimePolicy
    installation: str

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: StudioActionRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, StaleRevision, NotAllowedNow (says from when on)."""
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_STOP)
        rights.check_revision(studio, request.expected_revision)
        if is_repeat(studio, Action.FORCE_STOP):
            return StudioOutcome(studio.id)
        require_status(studio, Action.FORCE_STOP)
        allowed_from = begins(self.policy, studio.status_since)
        refusal = too_early(allowed_from, transaction.now)
        if refusal is not None:
            raise NotAllowedNow(refusal, status=studio.status.value, until=allowed_from)
        await self._end(transaction, viewer, studio)
        return StudioOutcome(studio.id)

    async def _end(self, transaction: Transaction, viewer: Viewer, studio: StudioState) -> None:
        message = (
            f"Forced to stop by {viewer.user_name}. Files that were not saved are lost. "
            "The next start continues from the newest checkpoint."
        )
        await leases.break_lease(transaction, studio.id)
        end = SessionEnd(
            Trigger.FORCE_STOP,
            viewer.actor,
            message,
            OperationState.CANCELLED,
            cleanup=SessionName(self.installation, studio.id, studio.public_id, studio.session_number),
            given_up=True,
        )
        await end_session(transaction, studio, end)
