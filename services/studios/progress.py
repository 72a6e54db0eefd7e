"""The steps of an operation and their states, as shown to users (B84)."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.domain.statuses import OperationKind, StepState


class Step(StrEnum):
    """The names of the steps, as shown to users."""

    BUILD = "Build the image"
    CLEAN = "Clear up the former session"
    TOOL = "Prepare the tool"
    SESSION = "Create the session"
    ANSWER = "Wait for the tool to answer"
    END = "End the session's processes"
    SAVE = "Save the checkpoint"
    FREE = "Free the resources"


STEPS: dict[OperationKind, tuple[Step, ...]] = {
    OperationKind.START: (Step.CLEAN, Step.TOOL, Step.SESSION, Step.ANSWER),
    OperationKind.STOP: (Step.END, Step.SAVE, Step.FREE),
    OperationKind.CHECKPOINT: (Step.SAVE,),
}

Steps = list[dict[str, Any]]


def pending(kind: OperationKind, *before: Step) -> Steps:
    """Returns the steps of a new operation, all pending; those in `before` come first."""
    names = [step.value for step in (*before, *STEPS[kind])]
    return [{"name": name, "state": StepState.PENDING.value, "message": None, "started_at": None, "ended_at": None} for name in names]


def advanced(steps: Sequence[dict[str, Any]], to: Step, message: str | None, now: datetime) -> Steps:
    """Returns the steps with `to` in progress, all before it succeeded, and all after it pending."""
    position = [step["name"] for step in steps].index(to.value)
    done = [_ended(step, StepState.SUCCEEDED, now) for step in steps[:position]]
    current = steps[position]
    started = current["started_at"] or now.isoformat()
    current = {**current, "state": StepState.IN_PROGRESS.value, "message": message, "started_at": started, "ended_at": None}
    later = [{**step, "state": StepState.PENDING.value, "message": None} for step in steps[position + 1 :]]
    return [*done, current, *later]


def finished(steps: Sequence[dict[str, Any]], now: datetime) -> Steps:
    """Returns the steps with all of them succeeded."""
    return [_ended(step, StepState.SUCCEEDED, now) for step in steps]


def failed(steps: Sequence[dict[str, Any]], message: str, now: datetime) -> Steps:
    """Returns the steps with the one in progress, or else the first pending one, ended by an error."""
    open_states = (StepState.IN_PROGRESS.value, StepState.PENDING.value)
    position = next((index for index, step in enumerate(steps) if step["state"] in open_states), None)
    if position is None:
        return list(steps)
    errored = {**_ended(steps[position], StepState.ERRORED, now), "message": message}
    return [*steps[:position], errored, *steps[position + 1 :]]


def _ended(step: dict[str, Any], to: StepState, now: datetime) -> dict[str, Any]:
    if step["state"] in (StepState.SUCCEEDED.value, StepState.ERRORED.value):
        return step
    return {**step, "state": to.value, "started_at": step["started_at"] or now.isoformat(), "ended_at": now.isoformat()}
