"""The inputs of mutations of access tokens and members."""

from datetime import datetime

import strawberry

from schema.enums import Role, TokenScope
from schema.inputs.fields import decode, idempotency_key
from services.domain.limits import MAX_NAME_LENGTH
from services.identity.requests import AddMemberRequest, Membership, RemoveMemberRequest, RevokeTokenRequest, UpdateMemberRequest
from services.identity.token_rules import NewToken, TokenLimits

LIMITS = TokenLimits()


@strawberry.input(description="The input of `createToken`: the access token to create.")
class CreateTokenInput:
    """B94. Without idempotency key: the secret is shown once, and a replay could not show it again."""

    name: str = strawberry.field(description=f"A name by which the user recognizes the token: 1 to {MAX_NAME_LENGTH} characters.")
    scopes: list[TokenScope] = strawberry.field(
        description="What the token can be used for: at least one scope, and only scopes that the token of this request has."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description=f"The time at which the token expires, at most {LIMITS.max_lifetime.days} days from now. "
        f"If omitted or null, the token expires after {LIMITS.default_lifetime.days} days.",
    )

    def request(self) -> NewToken:
        return NewToken(self.name, frozenset(self.scopes), self.expires_at)


@strawberry.input(description="The input of `revokeToken`: the access token to revoke.")
class RevokeTokenInput:
    """B94."""

    token_id: strawberry.ID = strawberry.field(description="The id of an access token of the viewer.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> RevokeTokenRequest:
        return RevokeTokenRequest(decode(self.token_id, "Token", "token_id"), self.idempotency_key)


@strawberry.input(description="The input of `addMember`: the user, the workspace and the role.")
class AddMemberInput:
    """B90."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace.")
    user_name: str = strawberry.field(description="The user name of an existing user of this server, for example `ada`.")
    role: Role = strawberry.field(description="The role of the new member.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> AddMemberRequest:
        return AddMemberRequest(decode(self.workspace_id, "Workspace", "workspace_id"), self.user_name, self.role, self.idempotency_key)


@strawberry.input(description="The input of `updateMember`: the member and the new role.")
class UpdateMemberInput:
    """B90."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace.")
    user_id: strawberry.ID = strawberry.field(description="The id of the user who is the member.")
    role: Role = strawberry.field(description="The new role of the member.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> UpdateMemberRequest:
        return UpdateMemberRequest(membership(self), self.role, self.idempotency_key)


@strawberry.input(description="The input of `removeMember`: the member to remove.")
class RemoveMemberInput:
    """B90."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace.")
    user_id: strawberry.ID = strawberry.field(description="The id of the user who is the member.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> RemoveMemberRequest:
        return RemoveMemberRequest(membership(self), self.idempotency_key)


def membership(values: UpdateMemberInput | RemoveMemberInput) -> Membership:
    """Returns the member that the input names. Raises NotFound."""
    return Membership(decode(values.workspace_id, "Workspace", "workspace_id"), decode(values.user_id, "User", "user_id"))
