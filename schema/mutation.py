"""The root type of mutations."""

import strawberry

from schema.mutations.members import MemberMutations
from schema.mutations.studios import StudioMutations
from schema.mutations.templates import TemplateMutations
from schema.mutations.tokens import TokenMutations
from schema.mutations.workspaces import WorkspaceMutations


@strawberry.type(
    description="The operations that change data. Each returns a payload or an error that implements `Error`. Several in one document are "
    "carried out one after the other."
)
class Mutation(StudioMutations, TemplateMutations, TokenMutations, MemberMutations, WorkspaceMutations):
    """The root type of mutations (docs/architecture.md#contract-habits)."""
