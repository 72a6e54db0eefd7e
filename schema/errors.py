"""The errors a mutation answers with. They are shown from the rows of `resolvers.error_rows`, where domain errors become them."""

from datetime import datetime

import strawberry

from resolvers import error_rows
from schema.enums import StudioStatus
from schema.fields import derived, exactly
from schema.inputs.field_paths import api_path
from schema.types.studio import Studio
from services.domain.errors import Problem


@strawberry.interface(description="What went wrong, in words for people and by a code for programs.")
class Error:
    """The frame of every error type."""

    code: str = strawberry.field(description="Stable: programs decide by it.")
    message: str = strawberry.field(description="What is wrong, and what to do next.")
    field: list[str] | None = derived(
        lambda row: api_path(row.field),
        "The path of the input field it is about, from the input's own fields downwards; null if it is about none.",
    )


@strawberry.type(description="There is no such thing, or the viewer may not know of it: the two read the same.")
class NotFoundError(Error):
    """B92."""

    is_type_of = exactly(error_rows.NotFoundRow)


@strawberry.type(description="The viewer sees the thing, but the role or the token's scopes do not allow the action.")
class ForbiddenError(Error):
    """B91."""

    is_type_of = exactly(error_rows.ForbiddenRow)


@strawberry.type(description="One thing that is wrong with an input.")
class InputProblem:
    """A part of an InvalidInputError."""

    field: list[str] = derived(lambda problem: api_path(problem.field), "The path of the input field; positions in lists are numbers.")
    code: str = strawberry.field(description="Stable: programs decide by it.")
    message: str = strawberry.field(description="What is wrong, and what to do.")

    is_type_of = exactly(Problem)


@strawberry.type(description="The input is not valid. All problems are listed at once.")
class InvalidInputError(Error):
    """The input is refused with the list of all its problems (docs/architecture.md#contract-habits)."""

    problems: list[InputProblem] = strawberry.field(description="Everything that is wrong, in the order of the input.")

    is_type_of = exactly(error_rows.InvalidInputRow)


@strawberry.type(description="Something else already has this name, or does the opposite at this moment.")
class ConflictError(Error):
    """B12, B15."""

    is_type_of = exactly(error_rows.ConflictRow)


@strawberry.type(description="The Studio's status does not allow the action.")
class NotAllowedNowError(Error):
    """B7, B14, B21."""

    status: StudioStatus | None = strawberry.field(description="The status that does not allow it.")
    until: datetime | None = strawberry.field(description="When it will be allowed at the latest, if that is known.")

    is_type_of = exactly(error_rows.NotAllowedNowRow)


@strawberry.type(description="A limit on how many may exist or run at once is reached.")
class QuotaExceededError(Error):
    """B18, and tokens of a user."""

    is_type_of = exactly(error_rows.QuotaExceededRow)


@strawberry.type(description="The expected revision is not the current one: somebody edited the Studio meanwhile.")
class StaleRevisionError(Error):
    """B95."""

    current_revision: int = strawberry.field(description="What `expectedRevision` would have to be.")
    studio: Studio = strawberry.field(description="The Studio as it is now.")

    is_type_of = exactly(error_rows.StaleRevisionRow)
