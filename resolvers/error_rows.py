"""Turns domain errors into the rows of the typed errors that mutations return."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.context import Context
from services.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    QuotaExceeded,
    StaleRevision,
)
from services.domain.statuses import StudioStatus
from services.rows.studio import StudioRow
from services.store.reads import studios

InputPath = Callable[[Sequence[str]], list[str]]
"""Makes the path of a field in an input of the API from its path in the request of the services."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """What every error says: a stable code, what is wrong and what to do, and the input field it is about."""

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
    """Absent, or hidden from the viewer."""


@dataclass(frozen=True, slots=True)
class ForbiddenRow(ErrorRow):
    """Role or scopes do not suffice."""


@dataclass(frozen=True, slots=True)
class InvalidInputRow(ErrorRow):
    """Everything that is wrong with the input."""

    problems: list[ProblemRow]


@dataclass(frozen=True, slots=True)
class ConflictRow(ErrorRow):
    """Something else is in the way."""


@dataclass(frozen=True, slots=True)
class NotAllowedNowRow(ErrorRow):
    """The Studio's status does not allow it; `until` is when it may."""

    status: StudioStatus | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class QuotaExceededRow(ErrorRow):
    """A limit is reached."""


@dataclass(frozen=True, slots=True)
class StaleRevisionRow(ErrorRow):
    """Somebody edited the Studio meanwhile; here it is as it is now."""

    current_revision: int
    studio: StudioRow


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
    for kind, row in PLAIN.items():
        if isinstance(error, kind):
            return row(code, message, field)
    raise error


async def _stale(context: Context, error: StaleRevision, input_path: InputPath) -> ErrorRow:
    async with context.services.database.read() as reader:
        rows = await studios.by_ids(reader, context.viewer.user_id, [error.studio_id])
    if error.studio_id not in rows:  # deleted since
        return NotFoundRow(NotFound.code, "The Studio was deleted.", input_path(["studio_id"]))
    return StaleRevisionRow(error.code, error.message, input_path(error.field or ()), error.revision, rows[error.studio_id])
