"""Stops a Studio, at once or after a grace (B7, B8, B12, B57)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.access import Permission, Viewer
from services.domain.actor import Actor
from services.domain.errors import NotAllowedNow
from services.domain.event_payloads import DisruptionPlanned
from services.domain.lifecycle import Action, Trigger, status_refusal
from services.domain.problems import Problems
from services.domain.statuses import ConnectionErrorCode, OperationKind, OperationState, StudioStatus
from services.domain.time_policy import TimePolicy
from services.store import outbox, sessions, studios
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights, validation
from services.studios.requests import StopStudioRequest, StudioOutcome
from services.studios.session_end import SessionEnd, end_session
from services.studios.status_rules import is_repeat
from services.studios.transitions import begin_operation, move


@dataclass(frozen=True, slots=True)
class StopStudio:
    """Stops Studios: writes the intent; the controller then ends the session, saves it and frees its resources."""

    policy: TimePolicy

    async def __call__(self, transaction: Transaction, viewer: Viewer, request: StopStudioRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, InvalidInput, NotAllowedNow (while STARTING: says until when)."""
        studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_STOP)
        problems = Problems()
        validation.check_grace(problems, request.grace_seconds)
        problems.raise_any()
        if not is_repeat(studio, Action.STOP):
            studio = await self._stop(transaction, viewer, studio, request.grace_seconds)
        return StudioOutcome(studio.id, studio.operation_id if studio.status is StudioStatus.STOPPING else None)

    async def _stop(self, transaction: Transaction, viewer: Viewer, studio: StudioState, grace_seconds: int) -> StudioState:
        _require_stoppable(studio)
        if studio.status is StudioStatus.BUILDING:
            return await _cancel_build(transaction, viewer, studio)
        if grace_seconds:
            await _plan(transaction, viewer.actor, studio, grace_seconds)
            return studio
        return await self.begin(transaction, studio, Trigger.STOP, viewer.actor, f"Stopped by {viewer.user_name}.")

    async def begin(
        self,
        transaction: Transaction,
        studio: StudioState,
        trigger: Trigger,
        actor: Actor,
        message: str,
        code: ConnectionErrorCode | None = None,
    ) -> StudioState:
        """Begins to stop a running Studio. Connected users get the connection error `code`, or the one of the stop reason."""
        deadline = transaction.now + self.policy.stop_deadline
        operation_id = await begin_operation(transaction, studio, OperationKind.STOP, actor, deadline)
        return await move(
            transaction,
            studio,
            trigger,
            actor,
            message,
            code=code,
            desired=StudioStatus.STOPPED.value,
            operation_id=operation_id,
            deadline=deadline,
            due_at=transaction.now,
        )


async def _cancel_build(transaction: Transaction, viewer: Viewer, studio: StudioState) -> StudioState:
    """Ends a session that never ran. The build of the image continues only if another Studio waits for it too."""
    message = f"The build was cancelled by {viewer.user_name}."
    return await end_session(transaction, studio, SessionEnd(Trigger.STOP, viewer.actor, message, OperationState.CANCELLED))


def _require_stoppable(studio: StudioState) -> None:
    """Raises NotAllowedNow while the Studio is starting; the error says until when (B7)."""
    refusal = status_refusal(studio.status, Action.STOP)
    if refusal is not None:
        deadline = f" The start ends at {studio.deadline:%Y-%m-%d %H:%M:%S} UTC at the latest." if studio.deadline else ""
        raise NotAllowedNow(f"{refusal}{deadline}", status=studio.status.value, until=studio.deadline)


async def _plan(transaction: Transaction, actor: Actor, studio: StudioState, seconds: int) -> None:
    """Plans the stop and warns the connected users now. A stop that is planned for an earlier time stays (B12)."""
    session = await sessions.find(transaction, studio.id, studio.session_number)
    assert session is not None
    at = transaction.now + timedelta(seconds=seconds)
    if session.stop_at is not None and session.stop_at <= at:
        return
    await sessions.change(transaction, session.id, stop_at=at, stop_actor=actor.to_json())
    await studios.change(transaction, studio.id, due_at=transaction.now)
    await warn(transaction, studio, ConnectionErrorCode.STUDIO_STOPPED, actor, f"{actor.name} will stop the Studio in {seconds} s.", at)
    transaction.wake("studio", studio.id)


async def warn(transaction: Transaction, studio: StudioState, code: ConnectionErrorCode, actor: Actor, reason: str, at: datetime) -> None:
    """Warns the connected users of an end that is planned for `at` (B57)."""
    payload = DisruptionPlanned(code, reason, at, studio.session_number)
    await outbox.append(transaction, studio.workspace_id, [payload.event(actor, studio.id, studio.name)])
