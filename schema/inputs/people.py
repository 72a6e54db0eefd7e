"""Inputs of the commands on tokens and members."""

from datetime import datetime

import strawberry

from schema.enums import Role, TokenScope
from schema.inputs.fields import decode, idempotency_key
from services.domain.limits import MAX_NAME_LENGTH
from services.identity.members import Membership
from services.identity.token_rules import NewToken


@strawberry.input(description="An access token to make.")
class CreateTokenInput:
    """B94. Without idempotency key: the secret is shown once, and a replay could not show it again."""

    name: str = strawberry.field(description=f"1 to {MAX_NAME_LENGTH} characters, to recognise it by.")
    scopes: list[TokenScope] = strawberry.field(description="What it may be used for: no more than the token of this request.")
    expires_at: datetime | None = strawberry.field(
        default=None, description="Until when it is valid: at most a year from now; 90 days if it is absent."
    )

    def command(self) -> NewToken:
        return NewToken(self.name, frozenset(self.scopes), self.expires_at)


@strawberry.input(description="An access token to end.")
class RevokeTokenInput:
    """B94."""

    token_id: strawberry.ID = strawberry.field(description="One of the viewer's own.")
    idempotency_key: str | None = idempotency_key()

    def target(self) -> str:
        return decode(self.token_id, "Token", "tokenId")


@strawberry.input(description="A user to make a member of a workspace.")
class AddMemberInput:
    """B90."""

    workspace_id: strawberry.ID = strawberry.field(description="Of which workspace.")
    user_name: str = strawberry.field(description="The user's short name.")
    role: Role = strawberry.field(description="What the user may do there.")
    idempotency_key: str | None = idempotency_key()

    def target(self) -> str:
        return decode(self.workspace_id, "Workspace", "workspaceId")


@strawberry.input(description="A member to give another role.")
class UpdateMemberInput:
    """B90."""

    workspace_id: strawberry.ID = strawberry.field(description="Of which workspace.")
    user_id: strawberry.ID = strawberry.field(description="Which member.")
    role: Role = strawberry.field(description="What the user may do there from now on.")
    idempotency_key: str | None = idempotency_key()

    def target(self) -> Membership:
        return membership(self)


@strawberry.input(description="A member to remove.")
class RemoveMemberInput:
    """B90."""

    workspace_id: strawberry.ID = strawberry.field(description="From which workspace.")
    user_id: strawberry.ID = strawberry.field(description="Which member.")
    idempotency_key: str | None = idempotency_key()

    def target(self) -> Membership:
        return membership(self)


def membership(given: UpdateMemberInput | RemoveMemberInput) -> Membership:
    """Whom the input is about."""
    return Membership(decode(given.workspace_id, "Workspace", "workspaceId"), decode(given.user_id, "User", "userId"))
