"""The enums of the contract: the domain's own words, described."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, TypeVar, cast

import strawberry

from services.domain.access import Role, TokenScope
from services.domain.compute_kinds import KINDS
from services.domain.lifecycle import Action
from services.domain.statuses import (
    CheckpointStatus,
    ComputeKind,
    ConnectionErrorCode,
    LogSource,
    OperationKind,
    OperationState,
    StepState,
    StopReason,
    StudioStatus,
    TemplateStatus,
    Tool,
)

E = TypeVar("E", bound=type[Enum])


def describe(enum: E, description: str, values: Mapping[str, str], *, name: str | None = None) -> E:
    """Make a GraphQL enum of `enum`; every member must be described."""
    strawberry.enum(enum, name=name, description=description)
    definition = cast("Any", enum).__strawberry_definition__
    for value in definition.values:
        value.description = values[value.name]
    return enum


class OrderDirection(StrEnum):
    """Which end comes first."""

    ASC = "ASC"
    DESC = "DESC"


class StudioOrderField(StrEnum):
    """What a list of Studios can be sorted by."""

    NAME = "NAME"
    STATUS = "STATUS"
    CREATED = "CREATED"
    LAST_STARTED = "LAST_STARTED"
    STATUS_SINCE = "STATUS_SINCE"


describe(
    StudioStatus,
    "Where a Studio is in its life.",
    {
        "BUILDING": "Its image is being built.",
        "BUILD_FAILED": "The build of its image failed.",
        "STARTING": "A session is being started.",
        "RUNNING": "The tool answers: it can be connected to.",
        "STOPPING": "The session ends and is being saved.",
        "STOPPED": "No session, and nothing in use.",
        "ERRORED": "The last session or its start failed; the reason says how.",
    },
)
describe(
    StopReason,
    "Why a session ended.",
    {
        "USER_REQUEST": "Somebody stopped it.",
        "FORCED": "Somebody forced it to stop.",
        "LIFESPAN_EXPIRED": "Its lifespan was over.",
        "IDLE": "Nobody used it for the idle limit.",
        "EXITED": "The tool ended by itself.",
        "OUT_OF_MEMORY": "It needed more memory than it was given.",
        "BUILD_FAILED": "The build of its image failed.",
        "START_FAILED": "The start failed.",
        "START_TIMEOUT": "The tool did not answer before the start's deadline.",
        "SAVE_FAILED": "Its files could not be saved; they are kept, and the next start saves them first.",
        "CHECKPOINT_MISSING": "The checkpoint to start from is missing or damaged.",
        "COMPUTE_ENV_DELETED": "Its compute environment was deleted.",
        "COMPUTE_ENV_LOST": "Its compute environment lost it.",
    },
)
describe(
    CheckpointStatus,
    "How much of a session a checkpoint holds.",
    {
        "EMPTY": "Nothing was saved yet.",
        "INTERIM": "The newest periodic save of a session that runs, or that ended without a last save.",
        "FINALIZED": "The whole session, as it was at its end.",
        "INVALID": "What was saved is missing or damaged.",
    },
)
describe(
    TemplateStatus,
    "Whether a template should be used.",
    {
        "RECOMMENDED": "The newest release of its tool.",
        "DEPRECATED": "A newer release is there.",
        "EXPERIMENTAL": "May not work; use it on purpose only.",
        "UNSUPPORTED": "Too old for a new Studio.",
    },
)
describe(
    Tool,
    "What a session shows in the browser.",
    {
        "JUPYTERLAB": "JupyterLab.",
        "R_IDE": "An R IDE.",
        "VSCODE": "Visual Studio Code.",
        "XPRA": "A remote desktop, by Xpra.",
        "CUSTOM": "Any other web tool.",
    },
)
describe(
    Role,
    "What a member of a workspace may do; each role includes the lesser ones.",
    {
        "VIEW": "See everything.",
        "CONNECT": "Also open sessions, and delete Studios.",
        "LAUNCH": "Also start and stop Studios.",
        "MAINTAIN": "Also create and edit Studios, and rename checkpoints.",
        "ADMIN": "Also manage the workspace's compute environments and settings.",
        "OWNER": "Also manage its members.",
    },
)
describe(
    TokenScope,
    "What an access token may be used for, within the roles of its user.",
    {
        "READ": "Queries and subscriptions.",
        "OPERATE": "Changes to Studios and checkpoints.",
        "CONNECT": "Opening sessions.",
        "MANAGE": "Changes to members, and to tokens.",
    },
)
describe(
    OperationKind,
    "What an operation does.",
    {
        "START": "Starts a session.",
        "STOP": "Stops a session, and saves it.",
    },
)
describe(
    OperationState,
    "How an operation stands.",
    {
        "RUNNING": "It goes on.",
        "SUCCEEDED": "It did what was asked.",
        "FAILED": "It ended with an error.",
        "CANCELLED": "Somebody cancelled it.",
    },
)
describe(
    StepState,
    "How one step of an operation stands.",
    {
        "PENDING": "Not begun.",
        "IN_PROGRESS": "Going on.",
        "SUCCEEDED": "Done.",
        "ERRORED": "Failed.",
    },
)
describe(
    ConnectionErrorCode,
    "Why a connection to a session ended, or is about to.",
    {
        "STUDIO_STOPPED": "The Studio was stopped.",
        "STUDIO_ERRORED": "The session failed.",
        "LIFESPAN_EXPIRED": "The session's lifespan is over.",
        "IDLE_STOPPED": "The session was idle for too long.",
        "CREDENTIALS_CHANGED": "The credentials it used were changed.",
        "COMPUTE_ENV_DELETED": "Its compute environment was deleted.",
        "COMPUTE_ENV_UNREACHABLE": "Its compute environment does not answer.",
        "ACCESS_REVOKED": "The user has no right to the session any more.",
        "TOOL_UNREACHABLE": "The tool in the session does not answer.",
        "REPLACED_BY_OTHER_USER": "Somebody else took over a tool for a single user.",
        "PROXY_RESTARTED": "The way to the session is being restarted; try again.",
    },
)
describe(
    Action,
    "What a person can do to a Studio.",
    {
        "START": "Start a session.",
        "STOP": "Stop the session, and save it.",
        "CONNECT": "Open the session in a browser.",
        "COPY_URL": "Copy the session's address to share it.",
        "EDIT": "Change its name, description or configuration.",
        "DELETE": "Delete it.",
        "FORCE_STOP": "End a start or a stop that does not end by itself; what was not saved is lost.",
        "RETRY_BUILD": "Build its image again after a failure, and start it.",
    },
    name="StudioAction",
)
describe(
    ComputeKind,
    "How a compute environment runs sessions.",
    {kind.name: spec.description for kind, spec in KINDS.items()},
)
describe(
    LogSource,
    "What printed an output.",
    {"SESSION": "The tool of a session, and what it started.", "BUILD": "The build of a Studio's image."},
)
describe(OrderDirection, "Which end of an order comes first.", {"ASC": "The least first.", "DESC": "The greatest first."})
describe(
    StudioOrderField,
    "What a list of Studios can be sorted by.",
    {
        "NAME": "Its name, without regard to case.",
        "STATUS": "Its status, by the alphabet.",
        "CREATED": "When it was created.",
        "LAST_STARTED": "When it was last started; never = the least.",
        "STATUS_SINCE": "When it entered its status.",
    },
)

__all__ = [
    "Action",
    "CheckpointStatus",
    "ComputeKind",
    "ConnectionErrorCode",
    "LogSource",
    "OperationKind",
    "OperationState",
    "OrderDirection",
    "Role",
    "StepState",
    "StopReason",
    "StudioOrderField",
    "StudioStatus",
    "TemplateStatus",
    "TokenScope",
    "Tool",
]
