"""The GraphQL types of the errors that mutations return. They are resolved from the rows of `resolvers.error_rows`."""

from datetime import datetime

import strawberry

from resolvers import error_rows
from resolvers.loaders import compute_environments
from schema.enums import StudioStatus
from schema.fields import attribute, batched, exactly
from schema.types.checkpoint import Checkpoint, CheckpointUse
from schema.types.compute import ComputeEnvironment, Template
from schema.types.quota import SCOPE_ENVIRONMENT
from schema.types.studio import Studio
from services.domain.quotas import MAX_HOLDERS, QuotaResource, QuotaScope


@strawberry.interface(description="The fields that all errors of mutations have.")
class Error:
    """The frame of every error type."""

    code: str = attribute("A stable code for programs, for example `NOT_FOUND`.")
    message: str = attribute("What is wrong and what to do next, as text for people. The text may change between versions.")
    field: list[str] | None = attribute(
        'The path of the input field that caused the error, for example `["name"]`. Null if no single field caused it.',
    )


@strawberry.type(description="The object does not exist, or the viewer has no access to it. The two cases cannot be told apart.")
class NotFoundError(Error):
    """B92."""

    is_type_of = exactly(error_rows.NotFoundRow)


@strawberry.type(description="The role of the viewer, or the scopes of the access token, do not allow the action.")
class ForbiddenError(Error):
    """B91."""

    is_type_of = exactly(error_rows.ForbiddenRow)


@strawberry.type(description="One problem of the input of a mutation.")
class InputProblem:
    """A part of an InvalidInputError."""

    field: list[str] = attribute(
        'The path of the input field, for example `["environment", "0", "key"]`. Positions in lists are numbers from 0.',
    )
    code: str = attribute("A stable code for programs, for example `RANGE`.")
    message: str = attribute("What is wrong and what to do next, as text for people. The text may change between versions.")

    is_type_of = exactly(error_rows.ProblemRow)


@strawberry.type(description="The input is not valid. All problems are listed together.")
class InvalidInputError(Error):
    """The input is refused with the list of all its problems (docs/architecture.md#contract-habits)."""

    problems: list[InputProblem] = attribute("All problems of the input; at least one.")

    is_type_of = exactly(error_rows.InvalidInputRow)


@strawberry.type(
    description="The mutation conflicts with existing data, for example because the name is taken or the opposite action is in progress."
)
class ConflictError(Error):
    """B12, B15."""

    is_type_of = exactly(error_rows.ConflictRow)


@strawberry.type(description="The status of the Studio does not allow the action now.")
class NotAllowedNowError(Error):
    """B7, B14, B21."""

    status: StudioStatus | None = attribute("The status of the Studio. Null if the status is not the reason.")
    until: datetime | None = attribute("The latest time at which the action becomes possible. Null if that is not known.")

    is_type_of = exactly(error_rows.NotAllowedNowRow)


@strawberry.type(description="The checkpoint cannot be deleted, since something needs its data.")
class CheckpointNeededError(Error):
    """B35."""

    needed_by: list[CheckpointUse] = attribute("All uses of the checkpoint; at least one when the error was found.")

    is_type_of = exactly(error_rows.CheckpointNeededRow)


@strawberry.type(description="The data of the checkpoint that is to be started from is missing.")
class CheckpointMissingError(Error):
    """B38, B39."""

    checkpoint: Checkpoint | None = attribute(
        "The checkpoint whose data is missing: the newest one, or the one that was chosen. Null if it was removed meanwhile."
    )
    older_checkpoint: Checkpoint | None = attribute(
        "The checkpoint from which a start continues with `acceptOlderCheckpoint`. Null if it would start without any saved files, and "
        "for a chosen checkpoint."
    )

    is_type_of = exactly(error_rows.CheckpointMissingRow)


@strawberry.type(
    description="A limit is reached: on what sessions hold at a time, on the access tokens of a user, or on the templates of a workspace. "
    "`Workspace.quotas` lists those of sessions. Where several limits are reached, the error is about one of them."
)
class QuotaExceededError(Error):
    """B18, and tokens of a user."""

    resource: QuotaResource | None = attribute("The limited resource of sessions. Null for access tokens and templates.")
    scope: QuotaScope | None = attribute("The sessions that the limit counts. Null for access tokens and templates.")
    compute_environment: ComputeEnvironment | None = batched(compute_environments.by_id, SCOPE_ENVIRONMENT, of="compute_environment_id")
    limit: float | None = attribute("The limit that the start would exceed. Null for access tokens and templates.")
    used: float | None = attribute(
        "The amount that sessions of the scope held when the start was refused. Null for access tokens and templates."
    )
    requested: float | None = attribute("The amount that the start asked for. Null for access tokens and templates.")
    used_by: list[Studio] | None = attribute(
        f"The Studios whose sessions hold most of it, at most {MAX_HOLDERS}. Studios of workspaces of which the viewer is not a member "
        "are not listed. Null for access tokens and templates."
    )

    is_type_of = exactly(error_rows.QuotaExceededRow)


@strawberry.type(description="The Studio was edited since the client read it: `expectedRevision` is not its current revision.")
class StaleRevisionError(Error):
    """B95."""

    current_revision: int = attribute("The current revision of the Studio.")
    studio: Studio = attribute("The current data of the Studio.")

    is_type_of = exactly(error_rows.StaleRevisionRow)


@strawberry.type(description="The template was edited since the client read it: `expectedRevision` is not its current revision.")
class StaleTemplateError(Error):
    """B95."""

    current_revision: int = attribute("The current revision of the template.")
    template: Template = attribute("The current data of the template.")

    is_type_of = exactly(error_rows.StaleTemplateRow)
