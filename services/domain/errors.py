"""The errors that users can cause or meet. Each has a stable code; `schema/errors.py` translates them to GraphQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

MAX_LISTED = 20
"""The number of things that the message of `StillNeeded` names."""


class DomainError(Exception):
    """The base class of errors whose message is meant for the user.

    `message` says what is wrong and what to do next; `field` is the path of the input field it is about.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(self, message: str, *, field: Sequence[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = list(field) if field else None

    @property
    def extensions(self) -> dict[str, Any]:
        """Returns the `extensions` of the GraphQL error in queries; mutations return typed errors."""
        return {"code": self.code} | ({"field": self.field} if self.field else {})


class BadArgument(DomainError):
    """An argument of a query is invalid. Its code is one of several: BAD_CURSOR, OUT_OF_RANGE, ..."""

    def __init__(self, argument: str, code: str, message: str) -> None:
        super().__init__(message)
        self._extensions = {"code": code, "argument": argument}

    @property
    def extensions(self) -> dict[str, Any]:
        return self._extensions


class NotFound(DomainError):
    """The object does not exist or is hidden from the viewer: the two must read the same (B92)."""

    code = "NOT_FOUND"

    @classmethod
    def absent(cls, name: str, *, field: Sequence[str] | None = None) -> Self:
        """Returns the error for an object that whoever asks may know to be absent; `Resource.not_found` is for what may be hidden."""
        return cls(f"There is no such {name}.", field=field)


class Forbidden(DomainError):
    """The viewer may see the object, but the role or the token's scopes do not allow the action."""

    code = "FORBIDDEN"


class StudiosSwitchedOff(Forbidden):
    """Studios are switched off in the workspace: none is added or started, whoever asks (B97)."""

    code = "STUDIOS_SWITCHED_OFF"


class Unauthenticated(DomainError):
    """The request has no token, or one that is unknown, expired or revoked (all read the same)."""

    code = "UNAUTHENTICATED"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of an input: the path of its field, a stable code, and a message that says what to do."""

    field: tuple[str, ...]
    code: str
    message: str


class InvalidInput(DomainError):
    """The input is invalid; `problems` lists all of its problems."""

    code = "INVALID_INPUT"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(p.message for p in problems), field=problems[0].field)
        self.problems = list(problems)


class Conflict(DomainError):
    """The name is taken, or an opposite action is in progress."""

    code = "CONFLICT"


class StillNeeded(Conflict):
    """What is to be removed is still needed; `needed_by` names by what."""

    code = "STILL_NEEDED"

    def __init__(self, name: str, needed_by: Sequence[str]) -> None:
        listed = [*needed_by[:MAX_LISTED], *([f"{len(needed_by) - MAX_LISTED} more"] if len(needed_by) > MAX_LISTED else [])]
        super().__init__(f"{name} is still needed. Remove first:\n  " + "\n  ".join(listed))
        self.needed_by = list(needed_by)


class NotAllowedNow(DomainError):
    """The Studio's status does not allow the action; `until` says when it may (UTC), if that is known (B7)."""

    code = "NOT_ALLOWED_NOW"

    def __init__(self, message: str, *, status: str | None = None, until: datetime | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.until = until


class QuotaExceeded(DomainError):
    """A limit on how many may exist or run at once is reached."""

    code = "QUOTA_EXCEEDED"


class CheckpointDataMissing(DomainError):
    """The data of the checkpoint to start from is missing; an older one, or none, is left (B38). Of a chosen one: choose another."""

    code = "CHECKPOINT_MISSING"

    def __init__(self, message: str, *, field: Sequence[str], checkpoint_id: str, older_checkpoint_id: str | None) -> None:
        super().__init__(message, field=field)
        self.checkpoint_id = checkpoint_id
        self.older_checkpoint_id = older_checkpoint_id


class StaleTemplate(DomainError):
    """The expected revision is not that of the template (B95)."""

    code = "STALE_REVISION"

    def __init__(self, message: str, *, template_id: str, revision: int) -> None:
        super().__init__(message, field=("expected_revision",))
        self.template_id = template_id
        self.revision = revision


class StaleRevision(DomainError):
    """The expected revision is not the current one; `studio_id` names the Studio to read again (B95)."""

    code = "STALE_REVISION"

    def __init__(self, message: str, *, studio_id: str, revision: int) -> None:
        super().__init__(message, field=("expected_revision",))
        self.studio_id = studio_id
        self.revision = revision
