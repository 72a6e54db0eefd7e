"""What viewers do with their own access tokens."""

import strawberry

from resolvers import payloads
from schema.field_policies import AUTHENTICATED
from schema.inputs.people import CreateTokenInput, RevokeTokenInput
from schema.mutations.command import mutation
from schema.results import CreateTokenResult, RevokeTokenResult


@strawberry.type
class TokenMutations:
    """Each is one command of `services.identity.tokens`, which asks for the scope MANAGE."""

    create_token: CreateTokenResult = mutation(
        "Make an access token for the viewer, with no more scopes than the one in use. Needs the scope MANAGE.",
        AUTHENTICATED,
        CreateTokenInput,
        lambda services, viewer, given: services.tokens.create(viewer, given.command()),
        payloads.new_token,
    )
    revoke_token: RevokeTokenResult = mutation(
        "End an access token of the viewer at once, with all that is open by it. Needs the scope MANAGE, but for the one in use.",
        AUTHENTICATED,
        RevokeTokenInput,
        lambda services, viewer, given: services.tokens.revoke(viewer, given.target(), given.idempotency_key),
        payloads.revoked_token,
    )
