"""Turns domain errors into the rows of the typed errors that mutations return."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.context import Context
from services.checkpoints.commands import CheckpointNeeded
from services.domain.errors import (
    CheckpointDataMissing,
    Conflict,
    DomainError,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    QuotaExceeded,
    StaleRevision,
    StaleTemplate,
)
from services.domain.quotas import QuotaResource, QuotaScope, ResourceQuotaExceeded
from services.domain.statuses import StudioStatus
from services.rows.organizations import TemplateRow
from services.rows.studio import CheckpointRow, CheckpointUseRow, StudioRow
from services.store.reads import checkpoints, compute, studios

InputPath = Callable[[Sequence[str]], list[str]]
"""Makes the path of a field in an input of the API from its path in the request of the services."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """The fields of every error: a stable code, a message for people, and the path of the input field."""

    code: str
    message: str
    field: list[str] | None


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One problem of an input, with the path of the input's field."""

    code: str
    message: str
    field: list[str]


@dataclass(frozen=True, slots=True)
class NotFoundRow(ErrorRow):
    """The object is absent, or hidden from the viewer."""


@dataclass(frozen=True, slots=True)
class ForbiddenRow(ErrorRow):
    """The role or the scopes of the token do not allow the action."""


@dataclass(frozen=True, slots=True)
class InvalidInputRow(ErrorRow):
    """The input has problems; all of them are listed."""

    problems: list[ProblemRow]


@dataclass(frozen=True, slots=True)
class ConflictRow(ErrorRow):
    """Existing data conflicts with the command."""


@dataclass(frozen=True, slots=True)
class NotAllowedNowRow(ErrorRow):
    """The status of the Studio does not allow the action; `until` is the time from which it will."""

    status: StudioStatus | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class QuotaExceededRow(ErrorRow):
    """A limit is reached. Only limits of what running sessions hold have the fields of this class; they are None for others."""

    resource: QuotaResource | None = None
    scope: QuotaScope | None = None
    compute_environment_id: str | None = None
    limit: float | None = None
    used: float | None = None
    requested: float | None = None
    used_by: list[StudioRow] | None = None


@dataclass(frozen=True, slots=True)
class StaleRevisionRow(ErrorRow):
    """The Studio was edited since the client read it; `studio` is its current row."""

    current_revision: int
    studio: StudioRow


@dataclass(frozen=True, slots=True)
class StaleTemplateRow(ErrorRow):
    """The template was edited since the client read it; `template` is its current row."""

    current_revision: int
    template: TemplateRow


@dataclass(frozen=True, slots=True)
class CheckpointNeededRow(ErrorRow):
    """Something needs the data of the checkpoint."""

    needed_by: list[CheckpointUseRow]


@dataclass(frozen=True, slots=True)
class CheckpointMissingRow(ErrorRow):
    """The data of the newest checkpoint is missing; `older_checkpoint` is the one that a start can continue from."""

    checkpoint: CheckpointRow | None
    older_checkpoint: CheckpointRow | None


PLAIN: dict[type[DomainError], Callable[[str, str, list[str] | None], ErrorRow]] = {
    NotFound: NotFoundRow,
    Forbidden: ForbiddenRow,
    Conflict: ConflictRow,
    QuotaExceeded: QuotaExceededRow,
}


async def error_row(context: Context, error: DomainError, input_path: InputPath) -> ErrorRow:
    """Returns the row of `error`, whose field paths `input_path` translates to the input's.

    Raises `error` again if it is not one that mutations return (Unauthenticated, for one).
    """
    code, message = error.code, error.message
    field = input_path(error.field) if error.field else None
    if isinstance(error, InvalidInput):
        return InvalidInputRow(
            code, message, field, [ProblemRow(problem.code, problem.message, input_path(problem.field)) for problem in error.problems]
        )
    if isinstance(error, NotAllowedNow):
        return NotAllowedNowRow(code, message, field, StudioStatus(error.status) if error.status else None, error.until)
    if isinstance(error, StaleRevision):
        return await _stale(context, error, input_path)
    if isinstance(error, StaleTemplate):
        return await _stale_template(context, error, input_path)
    if isinstance(error, CheckpointDataMissing):
        ids = [id_ for id_ in (error.checkpoint_id, error.older_checkpoint_id) if id_]
        async with context.services.database.read() as reader:
            rows = await checkpoints.by_ids(reader, context.viewer.user_id, ids)
        return CheckpointMissingRow(code, message, field, rows.get(error.checkpoint_id), rows.get(error.older_checkpoint_id or ""))
    if isinstance(error, ResourceQuotaExceeded):
        return await _quota_exceeded(context, error, field)
    if isinstance(error, CheckpointNeeded):
        return CheckpointNeededRow(code, message, field, error.uses)
    for kind, row in PLAIN.items():
        if isinstance(error, kind):
            return row(code, message, field)
    raise error


async def _quota_exceeded(context: Context, error: ResourceQuotaExceeded, field: list[str] | None) -> ErrorRow:
    async with context.services.database.read() as reader:
        rows = await studios.by_ids(reader, context.viewer.user_id, error.used_by)
    exceeded = error.exceeded
    return QuotaExceededRow(
        error.code,
        error.message,
        field,
        exceeded.resource,
        exceeded.use.scope,
        exceeded.use.compute_environment_id,
        exceeded.limit,
        exceeded.used,
        exceeded.requested,
        [rows[studio_id] for studio_id in error.used_by if studio_id in rows],
    )


async def _stale(context: Context, error: StaleRevision, input_path: InputPath) -> ErrorRow:
    async with context.services.database.read() as reader:
        rows = await studios.by_ids(reader, context.viewer.user_id, [error.studio_id])
    if error.studio_id not in rows:  # deleted since
        return NotFoundRow(NotFound.code, "The Studio was deleted.", input_path(["studio_id"]))
    return StaleRevisionRow(error.code, error.message, input_path(error.field or ()), error.revision, rows[error.studio_id])


async def _stale_template(context: Context, error: StaleTemplate, input_path: InputPath) -> ErrorRow:
    async with context.services.database.read() as reader:
        rows = await compute.templates(reader, context.viewer.user_id, [error.template_id])
    if error.template_id not in rows:  # removed since
        return NotFoundRow(NotFound.code, "The template was removed.", input_path(["template_id"]))
    return StaleTemplateRow(error.code, error.message, input_path(error.field or ()), error.revision, rows[error.template_id])
