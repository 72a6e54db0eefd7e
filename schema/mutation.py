"""The root type of all that changes something."""

import strawberry

from schema.mutations.members import MemberMutations
from schema.mutations.studios import StudioMutations
from schema.mutations.tokens import TokenMutations


@strawberry.type(
    description="What changes something. Each answers its payload or a typed error that implements `Error`; one after the other."
)
class Mutation(StudioMutations, TokenMutations, MemberMutations):
    """The root type of mutations (docs/architecture.md#contract-habits)."""
