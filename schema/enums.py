"""The GraphQL enums, made from the domain's enumerations, with descriptions."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, TypeVar, cast

import strawberry

from services.domain.access import Role, TokenScope
from services.domain.compute_kinds import KINDS
from services.domain.lifecycle import Action
from services.domain.statuses import (
    CheckpointStatus,
    CheckpointUseKind,
    ComputeKind,
    ConnectionErrorCode,
    LogSource,
    MigrationDifferenceKind,
    MigrationIssueKind,
    MigrationState,
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
    "The status of a Studio.",
    {
        "BUILDING": "The image of the Studio is being built. The Studio starts afterwards.",
        "BUILD_FAILED": "The build of the image failed. `Studio.statusMessage` says why.",
        "STARTING": "A session of the Studio is being started.",
        "RUNNING": "The tool of the session answers HTTP requests, so that users can connect.",
        "STOPPING": "The session is being ended and saved.",
        "STOPPED": "No session exists, and no resources are in use.",
        "ERRORED": "The last session or its start failed. `Studio.stopReason` and `Studio.statusMessage` say why.",
    },
)
describe(
    StopReason,
    "The reason why a session ended or is ending.",
    {
        "USER_REQUEST": "A user stopped the session, or cancelled the build of the image.",
        "FORCED": "A user ended the start or the stop with `forceStopStudio`. Files that were not saved are lost.",
        "LIFESPAN_EXPIRED": "The lifespan of the session ended.",
        "IDLE": "Nobody used the session for the time that the workspace sets as its idle limit.",
        "EXITED": "The main process of the tool ended by itself.",
        "OUT_OF_MEMORY": "The session needed more memory than its limit.",
        "BUILD_FAILED": "The build of the image failed. `Studio.statusMessage` says why.",
        "START_FAILED": "The session could not be started. `Studio.statusMessage` says why.",
        "START_TIMEOUT": "The tool did not answer before the deadline of the start.",
        "SAVE_FAILED": "The files of the session could not be saved. They are kept, and the next start saves them first.",
        "CHECKPOINT_MISSING": "The data of the checkpoint from which the session starts is missing or damaged.",
        "COMPUTE_ENV_DELETED": "The session was stopped because its compute environment is being removed.",
        "COMPUTE_ENV_LOST": "The session was removed from its compute environment from outside of Studiograph.",
    },
)
describe(
    CheckpointStatus,
    "How complete the data of a checkpoint is.",
    {
        "EMPTY": "Nothing has been saved yet.",
        "INTERIM": "The newest periodic save of a session that is running, or that ended without a last save.",
        "FINALIZED": "All files of the session, as they were at its end or when a user saved the checkpoint.",
        "INVALID": "The saved data is missing or damaged. No session can start from it.",
    },
)
describe(
    CheckpointUseKind,
    "The kind of a use of a checkpoint, which cannot be deleted meanwhile.",
    {
        "NEXT_START": "The next start of the Studio continues from the checkpoint.",
        "SESSION": "A session of the Studio began from the checkpoint or is saved to it, and is not saved for good yet.",
    },
)
describe(
    TemplateStatus,
    "How well a template is supported.",
    {
        "RECOMMENDED": "The template has the newest release of its tool. A custom template is a tool of its own.",
        "DEPRECATED": "A newer release of the tool is available in another template.",
        "EXPERIMENTAL": "The template is new or untested and may not work. New Studios use it only with `acceptExperimental`.",
        "UNSUPPORTED": "The connect version of the template is too old. No new Studio can be created with it; existing ones still start.",
    },
)
describe(
    Tool,
    "The tool that a session shows in the browser.",
    {
        "JUPYTERLAB": "The notebook environment JupyterLab.",
        "R_IDE": "A development environment for R.",
        "VSCODE": "The code editor Visual Studio Code.",
        "XPRA": "A remote desktop that Xpra provides.",
        "CUSTOM": "Any other tool that serves HTTP.",
    },
)
describe(
    Role,
    "The role of a member of a workspace. From the lowest to the highest: VIEW, CONNECT, LAUNCH, MAINTAIN, ADMIN, OWNER. Each includes "
    "the rights of the lower ones.",
    {
        "VIEW": "Can read everything in the workspace.",
        "CONNECT": "The rights of VIEW. Can also open running sessions and delete Studios.",
        "LAUNCH": "The rights of CONNECT. Can also start and stop Studios.",
        "MAINTAIN": "The rights of LAUNCH. Can also create, edit and clone Studios, and save, rename and delete checkpoints.",
        "ADMIN": "The rights of MAINTAIN, and no others at present. Reserved for the settings of the workspace.",
        "OWNER": "The rights of ADMIN. Can also add and remove members and change their roles.",
    },
)
describe(
    TokenScope,
    "What an access token can be used for. The roles of its user limit it further.",
    {
        "READ": "Allows queries, subscriptions and stars.",
        "OPERATE": "Allows mutations of Studios and checkpoints.",
        "CONNECT": "Allows opening running sessions.",
        "MANAGE": "Allows changes of members and templates, and of the viewer's access tokens.",
    },
)
describe(
    OperationKind,
    "The kind of an operation.",
    {
        "START": "Starts a session of a Studio.",
        "STOP": "Stops the session of a Studio and saves its files.",
        "CHECKPOINT": "Saves a running session as a further checkpoint.",
    },
)
describe(
    OperationState,
    "The state of an operation.",
    {
        "RUNNING": "The operation is in progress.",
        "SUCCEEDED": "The operation was completed.",
        "FAILED": "The operation ended with an error; `Operation.error` says why.",
        "CANCELLED": "A user cancelled the operation.",
    },
)
describe(
    StepState,
    "The state of one step of an operation.",
    {
        "PENDING": "The step has not begun.",
        "IN_PROGRESS": "The step is in progress.",
        "SUCCEEDED": "The step was completed.",
        "ERRORED": "The step ended with an error.",
    },
)
describe(
    ConnectionErrorCode,
    "The reason why a connection to a session ended or will end.",
    {
        "STUDIO_STOPPED": "The Studio was stopped. Start it to connect again.",
        "STUDIO_ERRORED": "The session ended with an error.",
        "LIFESPAN_EXPIRED": "The lifespan of the session ended.",
        "IDLE_STOPPED": "The session was stopped because nobody used it.",
        "CREDENTIALS_CHANGED": "Credentials that the session uses were changed.",
        "COMPUTE_ENV_DELETED": "The compute environment of the session is being removed. No session starts there any more.",
        "COMPUTE_ENV_UNREACHABLE": "The compute environment of the session does not answer.",
        "ACCESS_REVOKED": "The user lost the right to use the session.",
        "TOOL_UNREACHABLE": "The tool in the session does not answer.",
        "REPLACED_BY_OTHER_USER": "Another user opened the session, and its tool serves one user at a time.",
        "PROXY_RESTARTED": "The server that forwards the connection is restarting. Connect again.",
    },
)
describe(
    Action,
    "An action of a user on a Studio.",
    {
        "START": "Starts a session of the Studio.",
        "STOP": "Stops the session and saves its files.",
        "CONNECT": "Opens the running session in a browser.",
        "COPY_URL": "Copies the URL of the session to share it.",
        "EDIT": "Changes the name, description or configuration.",
        "DELETE": "Deletes the Studio permanently.",
        "CLONE": "Creates a Studio that begins with the files of this one.",
        "CHECKPOINT_NOW": "Saves the running session as a further checkpoint.",
        "FORCE_STOP": "Ends a start or a stop that takes too long. Files that were not saved are lost.",
        "RETRY_BUILD": "Builds the image again after a failed build, and starts the Studio.",
    },
    name="StudioAction",
)
describe(
    ComputeKind,
    "The technology with which a compute environment runs sessions.",
    {kind.name: spec.description for kind, spec in KINDS.items()},
)
describe(
    LogSource,
    "The program that wrote an output.",
    {"SESSION": "The tool of a session, and the programs that it started.", "BUILD": "The build of a Studio's image."},
)
describe(
    MigrationState,
    "How far an attempt to migrate a Studio is.",
    {
        "MIGRATING": "The new Studio is being started, or its session is being checked.",
        "SUCCEEDED": "The tool of the new Studio answers, and nothing was found to be wrong.",
        "WITH_ISSUES": "The tool of the new Studio answers, and some things were found to be wrong.",
        "FAILED": "The new Studio could not be started, or its session ended before it was checked. A start of it begins the check anew.",
        "DISCARDED": "A user discarded the migration. The new Studio is deleted.",
    },
)
describe(
    MigrationIssueKind,
    "The kind of an issue of a migrated Studio.",
    {
        "TOOL_NOT_STARTED": "The tool did not start.",
        "FILE_CONFLICT": "Both the original and the new template changed a file. The original's is used.",
        "PACKAGE_BROKEN": "A package that the original installed cannot be loaded.",
        "INTERPRETER_MISSING": "A program names an interpreter that the new template does not have.",
        "LIBRARY_MISSING": "A program or library needs a shared library that the new template does not have.",
        "EXTENSION_REFUSED": "The tool does not load an extension.",
        "CHECK_INCOMPLETE": "The session could not be checked, so that more may be wrong.",
    },
)
describe(
    MigrationDifferenceKind,
    "What differs between two templates.",
    {
        "TOOL_VERSION": "The version of the tool.",
        "CONNECT_VERSION": "The version of the connect component.",
        "IMAGE": "The reference of the image.",
    },
)
describe(
    OrderDirection,
    "The direction in which a list is sorted.",
    {
        "ASC": "The smallest value, the earliest time or the first letter comes first.",
        "DESC": "The largest value, the latest time or the last letter comes first.",
    },
)
describe(
    StudioOrderField,
    "The value by which a list of Studios is sorted.",
    {
        "NAME": "The name of the Studio. Upper and lower case count as equal.",
        "STATUS": "The name of the status, in alphabetical order.",
        "CREATED": "The time at which the Studio was created.",
        "LAST_STARTED": "The time of the last start. A Studio that was never started counts as the earliest.",
        "STATUS_SINCE": "The time at which the Studio entered its status.",
    },
)

__all__ = [
    "Action",
    "CheckpointStatus",
    "CheckpointUseKind",
    "ComputeKind",
    "ConnectionErrorCode",
    "LogSource",
    "MigrationDifferenceKind",
    "MigrationIssueKind",
    "MigrationState",
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
