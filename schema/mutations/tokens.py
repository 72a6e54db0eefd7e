"""What viewers do with their own access tokens."""

import strawberry

from resolvers import mutations, payloads
from schema.fields import Info, field
from schema.inputs.people import CreateTokenInput, RevokeTokenInput
from schema.mutations.argument import Given
from schema.policies import AUTHENTICATED
from schema.results import CreateTokenResult, RevokeTokenResult


@strawberry.type
class TokenMutations:
    """Each is one command of `services.tokens`, which asks for the scope MANAGE."""

    @field("Make an access token for the viewer, with no more scopes than the one in use. Needs the scope MANAGE.", AUTHENTICATED)
    async def create_token(self, info: Info, given: Given[CreateTokenInput]) -> CreateTokenResult:
        context = info.context
        return await mutations.answer(context, lambda: context.services.tokens.create(context.viewer, given.command()), payloads.new_token)

    @field(
        "End an access token of the viewer at once, with all that is open by it. Needs the scope MANAGE, but for the one in use.",
        AUTHENTICATED,
    )
    async def revoke_token(self, info: Info, given: Given[RevokeTokenInput]) -> RevokeTokenResult:
        context = info.context
        return await mutations.answer(
            context,
            lambda: context.services.tokens.revoke(context.viewer, given.target(), given.idempotency_key),
            payloads.revoked_token,
        )
