"""The mutations of the viewer's own access tokens."""

import strawberry

from resolvers import payloads
from schema.field_metadata import AUTHENTICATED
from schema.inputs.people import CreateTokenInput, RevokeTokenInput
from schema.mutations.command import mutation
from schema.results import CreateTokenResult, RevokeTokenResult


@strawberry.type
class TokenMutations:
    """Each is one command of `services.identity.tokens`, which asks for the scope MANAGE."""

    create_token: CreateTokenResult = mutation(
        "Creates an access token for the viewer. It can have only scopes that the token of this request has. Requires the token scope "
        "MANAGE.",
        AUTHENTICATED,
        CreateTokenInput,
        lambda services: services.tokens.create,
        payloads.new_token,
    )
    revoke_token: RevokeTokenResult = mutation(
        "Revokes an access token of the viewer. Streams and sessions that were opened with it end at once. Requires the token scope "
        "MANAGE, unless it is the token of this request.",
        AUTHENTICATED,
        RevokeTokenInput,
        lambda services: services.tokens.revoke,
        payloads.revoked_token,
    )
