"""The domain's errors as rows that a mutation can answer with: the one place where one becomes the other."""

from collections.abc import Callable
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
    Problem,
    QuotaExceeded,
    StaleRevision,
)
from services.domain.statuses import StudioStatus
from services.rows.studio import StudioRow
from services.store.reads import studios


@dataclass(frozen=True, slots=True)
class FailureRow:
    """What every error says: a stable code, what is wrong and what to do, and the input field it is about."""

    code: str
    message: str
    field: list[str] | None


@dataclass(frozen=True, slots=True)
class NotFoundRow(FailureRow):
    """Absent, or hidden from the viewer."""


@dataclass(frozen=True, slots=True)
class ForbiddenRow(FailureRow):
    """Role or scopes do not suffice."""


@dataclass(frozen=True, slots=True)
class InvalidInputRow(FailureRow):
    """Everything that is wrong with the input."""

    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class ConflictRow(FailureRow):
    """Something else is in the way."""


@dataclass(frozen=True, slots=True)
class NotAllowedNowRow(FailureRow):
    """The Studio's status does not allow it; `until` is when it may."""

    status: StudioStatus | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class QuotaExceededRow(FailureRow):
    """A limit is reached."""


@dataclass(frozen=True, slots=True)
class StaleRevisionRow(FailureRow):
    """Somebody edited the Studio meanwhile; here it is as it is now."""

    current_revision: int
    studio: StudioRow


PLAIN: dict[type[DomainError], Callable[[str, str, list[str] | None], FailureRow]] = {
    NotFound: NotFoundRow,
    Forbidden: ForbiddenRow,
    Conflict: ConflictRow,
    QuotaExceeded: QuotaExceededRow,
}


async def failure_row(context: Context, error: DomainError) -> FailureRow:
    """The row that tells of `error`; raises it again if it is none that a mutation answers with (Unauthenticated, for one)."""
    code, message, field = error.code, error.message, error.field
    if isinstance(error, InvalidInput):
        return InvalidInputRow(code, message, field, error.problems)
    if isinstance(error, NotAllowedNow):
        return NotAllowedNowRow(code, message, field, StudioStatus(error.status) if error.status else None, error.until)
    if isinstance(error, StaleRevision):
        return await _stale(context, error)
    for kind, row in PLAIN.items():
        if isinstance(error, kind):
            return row(code, message, field)
    raise error


async def _stale(context: Context, error: StaleRevision) -> FailureRow:
    async with context.services.database.read() as reader:
        found = await studios.by_ids(reader, context.viewer.user_id, [error.studio_id])
    if error.studio_id not in found:  # deleted since
        return NotFoundRow(NotFound.code, "The Studio was deleted.", ["studioId"])
    return StaleRevisionRow(error.code, error.message, error.field, error.revision, found[error.studio_id])
