"""The requests that commands on members and tokens take. Ids are those of rows. `NewToken` is the request for a token."""

from dataclasses import dataclass

from services.domain.access import Role


@dataclass(frozen=True, slots=True)
class Membership:
    """Identifies a member: a user in a workspace."""

    workspace_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class AddMemberRequest:
    workspace_id: str
    user_name: str
    role: Role
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateMemberRequest:
    """`role` is the new role."""

    member: Membership
    role: Role
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveMemberRequest:
    member: Membership
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class RevokeTokenRequest:
    token_id: str
    idempotency_key: str | None = None
