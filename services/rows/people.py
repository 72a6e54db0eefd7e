"""The row classes of users, access tokens and operations."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import TokenScope
from services.domain.actor import Actor
from services.domain.statuses import OperationKind, OperationState, StepState


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user: the viewer, or one who shares a workspace with the viewer."""

    id: str
    user_name: str
    display_name: str
    email: str | None
    avatar_url: str | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An access token of the viewer; `hint` is the beginning of its secret."""

    id: str
    name: str
    scopes: list[TokenScope]
    hint: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of an operation."""

    name: str
    state: StepState
    message: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class OperationRow:
    """The record of one action on a Studio. Its steps are read on demand."""

    id: str
    workspace_id: str
    studio_id: str
    studio_name: str
    kind: OperationKind
    state: OperationState
    actor: Actor
    error: str | None
    deadline: datetime | None
    created_at: datetime
    ended_at: datetime | None
    version: int
