"""Writes a status change: the Studio's row, its events and its operation, in the caller's transaction."""

from dataclasses import replace
from typing import Any

from services.domain import lifecycle
from services.domain.actor import Actor
from services.domain.event_payloads import ConnectionFailed, OperationChanged, StudioMessageChanged, StudioStatusChanged
from services.domain.events import NewEvent
from services.domain.ids import new_id
from services.domain.lifecycle import Trigger
from services.domain.statuses import ConnectionErrorCode, OperationKind, OperationState, StopReason, StudioStatus
from services.store import operations, outbox, studios
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import progress
from services.studios.progress import Step

CONNECTION_ERRORS: dict[StopReason, ConnectionErrorCode] = {
    StopReason.USER_REQUEST: ConnectionErrorCode.STUDIO_STOPPED,
    StopReason.FORCED: ConnectionErrorCode.STUDIO_STOPPED,
    StopReason.LIFESPAN_EXPIRED: ConnectionErrorCode.LIFESPAN_EXPIRED,
    StopReason.IDLE: ConnectionErrorCode.IDLE_STOPPED,
    StopReason.COMPUTE_ENV_DELETED: ConnectionErrorCode.COMPUTE_ENV_DELETED,
    StopReason.COMPUTE_ENV_LOST: ConnectionErrorCode.STUDIO_ERRORED,
    StopReason.EXITED: ConnectionErrorCode.STUDIO_ERRORED,
    StopReason.OUT_OF_MEMORY: ConnectionErrorCode.STUDIO_ERRORED,
}
"""The error that connected users get when a running session ends, by its reason (B57)."""


async def move(
    transaction: Transaction,
    studio: StudioState,
    trigger: Trigger,
    actor: Actor,
    message: str | None,
    *,
    code: ConnectionErrorCode | None = None,
    **values: Any,
) -> StudioState:
    """Applies `trigger`: changes status, reason and time, and appends the events. If a running session ends, users get a connection error.

    `code` is used in place of the one in CONNECTION_ERRORS; `values` are further columns of the Studio. Raises IllegalTransition.
    """
    transition = lifecycle.after(studio.status, trigger)
    begins = studio.status in lifecycle.ENDED and transition.to not in lifecycle.ENDED
    reason = None if begins else (transition.reason or _reason(studio))
    values |= {"status_message": message, "stop_reason": reason.value if reason else None, "status_since": transaction.now}
    await studios.change(transaction, studio.id, **values, status=transition.to.value)
    events = [_status_event(studio, transition.to, reason, actor, message, values.get("session_number", studio.session_number))]
    if studio.status is StudioStatus.RUNNING and reason:
        events.append(_connection_error(studio, reason, code or CONNECTION_ERRORS[reason], actor, message))
    await outbox.append(transaction, studio.workspace_id, events)
    transaction.wake("studio", studio.id)
    changes = {key: value for key, value in values.items() if key in StudioState.__dataclass_fields__}
    return replace(studio, **changes, status=transition.to)


def _reason(studio: StudioState) -> StopReason | None:
    return StopReason(studio.stop_reason) if studio.stop_reason else None


def _status_event(
    studio: StudioState, to: StudioStatus, reason: StopReason | None, actor: Actor, message: str | None, session_number: int
) -> NewEvent:
    payload = StudioStatusChanged(studio.status, to, message, reason, session_number)
    return payload.event(actor, studio.id, studio.name)


def _connection_error(studio: StudioState, reason: StopReason, code: ConnectionErrorCode, actor: Actor, message: str | None) -> NewEvent:
    payload = ConnectionFailed(code, message or "", reason is not StopReason.COMPUTE_ENV_DELETED, studio.session_number)
    return payload.event(actor, studio.id, studio.name)


async def set_status_message(transaction: Transaction, studio: StudioState, message: str | None) -> None:
    """Changes the message of an unchanged status. Appends an event only if the message differs."""
    if message == studio.status_message:
        return
    await studios.change(transaction, studio.id, status_message=message)
    event = StudioMessageChanged(message).event(Actor.system("observation"), studio.id, studio.name)
    await outbox.append(transaction, studio.workspace_id, [event])


async def begin_operation(
    transaction: Transaction, studio: StudioState, kind: OperationKind, actor: Actor, deadline: Any, *before: Step
) -> str:
    """Adds an operation on the Studio, with all steps pending. The caller stores the returned id as the Studio's current operation."""
    operation_id = new_id()
    await operations.add(
        transaction,
        {
            "id": operation_id,
            "workspace_id": studio.workspace_id,
            "studio_id": studio.id,
            "studio_name": studio.name,
            "kind": kind.value,
            "state": OperationState.RUNNING.value,
            "actor": actor.to_json(),
            "steps": progress.pending(kind, *before),
            "deadline": deadline,
        },
    )
    return operation_id


async def end_operation(
    transaction: Transaction, studio: StudioState, operation_id: str | None, outcome: OperationState, message: str | None = None
) -> None:
    """Ends an operation on the Studio, if it is in progress. `message` is why it failed or was cancelled."""
    operation = await operations.find(transaction, operation_id) if operation_id else None
    if operation is None or operation.state != OperationState.RUNNING.value:
        return
    error = None if outcome is OperationState.SUCCEEDED else message or ""
    steps = (
        progress.finished(operation.steps, transaction.now) if error is None else progress.failed(operation.steps, error, transaction.now)
    )
    await operations.change(transaction, operation.id, steps=steps, state=outcome.value, error=error, ended_at=transaction.now)
    await outbox.append(transaction, studio.workspace_id, [operation_event(studio, operation.id)])


def operation_event(studio: StudioState, operation_id: str) -> NewEvent:
    """Returns the event after which subscribers read the operation again."""
    return OperationChanged(operation_id).event(Actor.system("progress"), studio.id, studio.name)
