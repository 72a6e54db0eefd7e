"""The lifecycle of a Studio as data: which status a trigger leads to, and which actions a status allows, refuses or has seen already.

Pure: no input or output. `availableActions`, mutations, the controller and the docs all read these tables (B2 to B9, B12, B21).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from services.domain.access import Permission
from services.domain.statuses import StopReason, StudioStatus

S = StudioStatus


class Trigger(StrEnum):
    """The cause of a change of status."""

    START = "start"
    START_BUILDING = "start-building"
    BUILT = "built"
    BUILD_FAILED = "build-failed"
    READY = "ready"
    START_FAILED = "start-failed"
    START_TIMEOUT = "start-timeout"
    CHECKPOINT_MISSING = "checkpoint-missing"
    STOP = "stop"
    LIFESPAN = "lifespan"
    IDLE = "idle"
    EXITED = "exited"
    OUT_OF_MEMORY = "out-of-memory"
    COMPUTE_ENV_DELETED = "compute-env-deleted"
    COMPUTE_ENV_LOST = "compute-env-lost"
    SAVED = "saved"
    SAVED_AFTER_FAULT = "saved-after-fault"
    SAVE_FAILED = "save-failed"
    FORCE_STOP = "force-stop"


@dataclass(frozen=True, slots=True)
class Transition:
    """The status that a trigger leads to. `reason` None keeps the reason that the Studio has already (STOPPING carries it to the end)."""

    to: StudioStatus
    reason: StopReason | None = None


TRANSITIONS: Mapping[tuple[StudioStatus, Trigger], Transition] = MappingProxyType(
    {
        (S.STOPPED, Trigger.START): Transition(S.STARTING),
        (S.ERRORED, Trigger.START): Transition(S.STARTING),
        (S.STOPPED, Trigger.START_BUILDING): Transition(S.BUILDING),
        (S.ERRORED, Trigger.START_BUILDING): Transition(S.BUILDING),
        (S.BUILD_FAILED, Trigger.START_BUILDING): Transition(S.BUILDING),
        (S.BUILDING, Trigger.BUILT): Transition(S.STARTING),
        (S.BUILDING, Trigger.BUILD_FAILED): Transition(S.BUILD_FAILED, StopReason.BUILD_FAILED),
        (S.BUILDING, Trigger.STOP): Transition(S.STOPPED, StopReason.USER_REQUEST),
        (S.STARTING, Trigger.READY): Transition(S.RUNNING),
        (S.STARTING, Trigger.START_FAILED): Transition(S.ERRORED, StopReason.START_FAILED),
        (S.STARTING, Trigger.START_TIMEOUT): Transition(S.ERRORED, StopReason.START_TIMEOUT),
        (S.STARTING, Trigger.CHECKPOINT_MISSING): Transition(S.ERRORED, StopReason.CHECKPOINT_MISSING),
        (S.STARTING, Trigger.SAVE_FAILED): Transition(S.ERRORED, StopReason.SAVE_FAILED),
        (S.STARTING, Trigger.COMPUTE_ENV_LOST): Transition(S.ERRORED, StopReason.COMPUTE_ENV_LOST),
        (S.RUNNING, Trigger.STOP): Transition(S.STOPPING, StopReason.USER_REQUEST),
        (S.RUNNING, Trigger.LIFESPAN): Transition(S.STOPPING, StopReason.LIFESPAN_EXPIRED),
        (S.RUNNING, Trigger.IDLE): Transition(S.STOPPING, StopReason.IDLE),
        (S.RUNNING, Trigger.EXITED): Transition(S.STOPPING, StopReason.EXITED),
        (S.RUNNING, Trigger.OUT_OF_MEMORY): Transition(S.STOPPING, StopReason.OUT_OF_MEMORY),
        (S.RUNNING, Trigger.COMPUTE_ENV_DELETED): Transition(S.STOPPING, StopReason.COMPUTE_ENV_DELETED),
        (S.RUNNING, Trigger.COMPUTE_ENV_LOST): Transition(S.ERRORED, StopReason.COMPUTE_ENV_LOST),
        (S.STOPPING, Trigger.SAVED): Transition(S.STOPPED),
        (S.STOPPING, Trigger.SAVED_AFTER_FAULT): Transition(S.ERRORED),
        (S.STOPPING, Trigger.SAVE_FAILED): Transition(S.ERRORED, StopReason.SAVE_FAILED),
        (S.STOPPING, Trigger.COMPUTE_ENV_LOST): Transition(S.ERRORED, StopReason.COMPUTE_ENV_LOST),
        (S.STOPPING, Trigger.FORCE_STOP): Transition(S.STOPPED, StopReason.FORCED),
        (S.STARTING, Trigger.FORCE_STOP): Transition(S.STOPPED, StopReason.FORCED),
    }
)


class IllegalTransition(Exception):
    """A trigger is not allowed in the present status (TRANSITIONS has no row): a bug in the server, never a user's mistake."""


def after(status: StudioStatus, trigger: Trigger) -> Transition:
    """Returns the transition that `trigger` causes in `status`. Raises IllegalTransition."""
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        expected = sorted(t.value for (s, t) in TRANSITIONS if s is status)
        raise IllegalTransition(f"{trigger.value} in {status.value}; expected one of {expected}") from None


ENDED = frozenset({S.STOPPED, S.ERRORED, S.BUILD_FAILED})
"""No resources are held in these (B5); edit, start and delete are possible (B14, B21)."""


class Action(StrEnum):
    """The actions of users on a Studio, in the order of `availableActions`."""

    START = "START"
    STOP = "STOP"
    CONNECT = "CONNECT"
    COPY_URL = "COPY_URL"
    EDIT = "EDIT"
    DELETE = "DELETE"
    CHECKPOINT_NOW = "CHECKPOINT_NOW"
    CLONE = "CLONE"
    RETRY_BUILD = "RETRY_BUILD"
    FORCE_STOP = "FORCE_STOP"


@dataclass(frozen=True, slots=True)
class ActionRule:
    """The permission that an action needs, the statuses that allow it, and the message in all others."""

    permission: Permission
    allowed_in: frozenset[StudioStatus]
    otherwise: str


ACTIONS: Mapping[Action, ActionRule] = MappingProxyType(
    {
        Action.START: ActionRule(Permission.STUDIO_START, ENDED, "The Studio has not ended yet. Start it again once it has stopped."),
        Action.STOP: ActionRule(Permission.STUDIO_STOP, frozenset({S.RUNNING, S.BUILDING}), "The Studio is not running."),
        Action.CONNECT: ActionRule(Permission.STUDIO_CONNECT, frozenset({S.RUNNING}), "The Studio is not running. Start it first."),
        Action.COPY_URL: ActionRule(Permission.STUDIO_CONNECT, frozenset({S.RUNNING}), "The Studio is not running. Start it first."),
        Action.EDIT: ActionRule(Permission.STUDIO_EDIT, ENDED, "Only a Studio that has ended can be edited. Stop it first."),
        Action.DELETE: ActionRule(Permission.STUDIO_DELETE, ENDED, "Only a Studio that has ended can be deleted. Stop it first."),
        Action.CHECKPOINT_NOW: ActionRule(
            Permission.CHECKPOINT_EDIT, frozenset({S.RUNNING}), "The Studio is not running. A checkpoint is saved when it stops."
        ),
        Action.CLONE: ActionRule(
            Permission.STUDIO_CLONE,
            frozenset(StudioStatus) - {S.STOPPING},
            "The Studio is stopping, and its files are being saved. Clone it once it has stopped, or choose a checkpoint.",
        ),
        Action.RETRY_BUILD: ActionRule(
            Permission.STUDIO_START,
            frozenset({S.BUILD_FAILED}),
            "The build of the image has not failed, so that there is nothing to retry.",
        ),
        Action.FORCE_STOP: ActionRule(
            Permission.STUDIO_STOP, frozenset({S.STARTING, S.STOPPING}), "Only a start or a stop that takes too long can be ended by force."
        ),
    }
)

STATUS_REFUSALS: Mapping[tuple[StudioStatus, Action], str] = MappingProxyType(
    {
        (S.STARTING, Action.STOP): "The Studio is starting. Stop it once it is running, or wait until the start has failed.",
        (S.STARTING, Action.START): "The Studio is already starting.",
        (S.RUNNING, Action.START): "The Studio is already running.",
        (S.BUILDING, Action.START): "The image is being built. The Studio starts by itself afterwards.",
        (S.STOPPING, Action.START): "The Studio is stopping. Start it again once it has stopped.",
        (S.STOPPING, Action.STOP): "The Studio is already stopping.",
        (S.STOPPING, Action.CONNECT): "The Studio is stopping. Start it again once it has stopped, then connect.",
        (S.STOPPING, Action.CHECKPOINT_NOW): "The Studio is stopping, and its files are being saved.",
        (S.STARTING, Action.CHECKPOINT_NOW): "The Studio is still starting. Save a checkpoint once it is running.",
        (S.STARTING, Action.CONNECT): "The Studio is still starting. Connect once it is running.",
    }
)
"""More precise messages than the rule's `otherwise`, by status and action."""

REPEATS: Mapping[Action, frozenset[StudioStatus]] = MappingProxyType(
    {
        Action.START: frozenset({S.BUILDING, S.STARTING, S.RUNNING}),
        Action.STOP: ENDED | {S.STOPPING},
        Action.RETRY_BUILD: frozenset({S.BUILDING}),
        Action.FORCE_STOP: ENDED,
    }
)
"""The statuses in which an action has happened already: its command is then a success that changes nothing (B12)."""


def status_refusal(status: StudioStatus, action: Action) -> str | None:
    """Returns why `status` does not allow `action`, as a message for the user; None if it does."""
    rule = ACTIONS[action]
    if status in rule.allowed_in:
        return None
    return STATUS_REFUSALS.get((status, action), rule.otherwise)
