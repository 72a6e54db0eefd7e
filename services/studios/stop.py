"""Stopping a Studio, at once or after a grace (B7, B8, B12, B57)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.domain.access import Permission, Viewer
from services.domain.actor import Actor
from services.domain.errors import NotAllowedNow
from services.domain.events import Kind, NewEvent
from services.domain.lifecycle import Trigger
from services.domain.policy import Policy
from services.domain.problems import Problems
from services.domain.statuses import ConnectionErrorCode, OperationKind, StudioStatus
from services.store import outbox, sessions, studios
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import building, rights, validation
from services.studios.inputs import StopStudioRequest, StudioOutcome
from services.studios.transitions import begin_operation, end_operation, move


@dataclass(frozen=True, slots=True)
class StopStudio:
    """Stops Studios: writes the intent; the controller ends, saves and frees."""

    policy: Policy

    async def __call__(self, transaction: Transaction, viewer: Viewer, given: StopStudioRequest) -> StudioOutcome:
        """Raises NotFound, Forbidden, InvalidInput, NotAllowedNow (while STARTING: says until when)."""
        studio = await rights.studio_for(transaction, viewer, given.studio_id, Permission.STUDIO_STOP)
        problems = Problems()
        validation.check_grace(problems, given.grace_seconds)
        problems.raise_any()
        match studio.status:
            case StudioStatus.STARTING:
                raise _starting(studio)
            case StudioStatus.RUNNING if given.grace_seconds:
                await _plan(transaction, viewer.actor, studio, given.grace_seconds)
            case StudioStatus.RUNNING:
                studio = await self.begin(transaction, studio, Trigger.STOP, viewer.actor, f"Stopped by {viewer.user_name}.")
            case StudioStatus.BUILDING:
                studio = await _cancel_build(transaction, viewer, studio)
            case _:
                pass  # it stops or has stopped: a repeated stop is a success that changes nothing (B12)
        return StudioOutcome(studio.id, studio.operation_id if studio.status is StudioStatus.STOPPING else None)

    async def begin(
        self,
        transaction: Transaction,
        studio: StudioState,
        trigger: Trigger,
        actor: Actor,
        message: str,
        code: ConnectionErrorCode | None = None,
    ) -> StudioState:
        """A running Studio begins to stop, for whatever reason; everybody connected is told."""
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
    """Its session has never been. The image's build goes on only if another Studio waits for it too."""
    message = f"The build was cancelled by {viewer.user_name}."
    await end_operation(transaction, studio, message, cancelled=True)
    ended: dict[str, Any] = {"desired": StudioStatus.STOPPED.value, "deadline": None, "due_at": None}
    moved = await move(transaction, studio, Trigger.STOP, viewer.actor, message, **ended)
    session = await sessions.find(transaction, studio.id, studio.session_number)
    if session is not None:
        await sessions.change(transaction, session.id, saved=True, ended_at=transaction.now, stop_reason=moved.stop_reason)
    await building.release(transaction, studio.build_id, message)
    return moved


def _starting(studio: StudioState) -> NotAllowedNow:
    until = f" Its start's deadline is {studio.deadline:%Y-%m-%d %H:%M:%S} UTC." if studio.deadline else ""
    message = f"It is starting, and cannot be stopped until it runs or its start fails.{until}"
    return NotAllowedNow(message, status=studio.status.value, until=studio.deadline)


async def _plan(transaction: Transaction, actor: Actor, studio: StudioState, seconds: int) -> None:
    """Note the stop for later and warn everybody connected now. One that comes sooner anyway stays as it is (B12)."""
    session = await sessions.find(transaction, studio.id, studio.session_number)
    assert session is not None
    at = transaction.now + timedelta(seconds=seconds)
    if session.stop_at is not None and session.stop_at <= at:
        return
    await sessions.change(transaction, session.id, stop_at=at, stop_actor=actor.to_json())
    await studios.change(transaction, studio.id, due_at=transaction.now)
    await warn(transaction, studio, ConnectionErrorCode.STUDIO_STOPPED, actor, f"{actor.name} will stop it in {seconds} s.", at.isoformat())
    transaction.wake("studio", studio.id)


async def warn(transaction: Transaction, studio: StudioState, code: ConnectionErrorCode, actor: Actor, reason: str, planned: str) -> None:
    """Tell everybody connected of a planned end (B57); `planned` is its time, RFC 3339."""
    payload = {"code": code.value, "reason": reason, "at": planned, "session_number": studio.session_number}
    await outbox.append(transaction, studio.workspace_id, [NewEvent(Kind.DISRUPTION_WARNING, actor, payload, studio.id, studio.name)])
