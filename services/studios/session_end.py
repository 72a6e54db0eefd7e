"""Ends a session, for any reason: ends its operation, changes its Studio's status and its row, and adds clean-up tasks."""

from dataclasses import dataclass
from typing import Any

from services.domain.actor import Actor
from services.domain.lifecycle import Trigger
from services.domain.session_name import SessionName
from services.domain.statuses import OperationState, StudioStatus
from services.store import cleanup_tasks, sessions
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import image_builds
from services.studios.requested_checkpoint import abandon_request
from services.studios.transitions import end_operation, move

MAX_REASON_LENGTH = 200
"""The length of the message that is copied to a clean-up task."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why and how a session ends.

    `outcome` is that of the operation in progress, if there is one. `saved` False keeps the session for the next start, which saves it
    first (B8). `cleanup` names the resources to remove; None where there are none. `given_up`: calls that make more of them may be
    under way.
    """

    trigger: Trigger
    actor: Actor
    message: str | None
    outcome: OperationState = OperationState.FAILED
    saved: bool = True
    cleanup: SessionName | None = None
    given_up: bool = False


async def end_session(transaction: Transaction, studio: StudioState, end: SessionEnd) -> StudioState:
    """Ends the Studio's current session and returns the changed Studio. Raises IllegalTransition."""
    await end_operation(transaction, studio, studio.operation_id, end.outcome, end.message)
    values: dict[str, Any] = {"desired": StudioStatus.STOPPED.value, "deadline": None, "due_at": None}
    ended = await move(transaction, studio, end.trigger, end.actor, end.message, **values)
    session = await sessions.find(transaction, studio.id, studio.session_number)
    if session is not None:
        saved = session.saved or end.saved
        await cleanup_tasks.end_save_attempts(transaction, session.checkpoint_id)
        await abandon_request(transaction, studio, session, "The session ended before this checkpoint was saved.")
        await sessions.change(transaction, session.id, saved=saved, ended_at=transaction.now, stop_reason=ended.stop_reason)
        if end.cleanup is not None:
            reason = end.message and end.message[:MAX_REASON_LENGTH]
            environment_id = session.compute_environment_id
            await cleanup_tasks.add_session(transaction, environment_id, end.cleanup, reason, given_up=end.given_up)
    if studio.status is StudioStatus.BUILDING:
        await image_builds.release(transaction, studio.build_id, end.message or "No Studio waits for this build any more.")
    return ended
