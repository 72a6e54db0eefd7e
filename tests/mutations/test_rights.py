"""The rights of every mutation through the API: for every role, and for a token that lacks one scope."""

import pytest

from schema.field_metadata import policy_of
from services.domain.access import MATRIX, AccessFacts, Permission, Role, TokenScope, decide
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid
from tests.mutations.inputs import INPUTS, NOWHERE, each, id_path_of, with_id, without_row
from tests.mutations.mutation_fields import MUTATIONS

OF_NO_WORKSPACE = {"createToken", "revokeToken"}
REPEATABLE = sorted(set(INPUTS) - {"connectStudio"})
"""The mutations that take an idempotency key."""


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """SQLite alone: rights do not depend on the kind of database."""
    return sqlite_database


def permission_of(mutation: str) -> Permission:
    policy = policy_of(MUTATIONS[mutation])
    assert isinstance(policy, Permission)
    return policy


def test_every_mutation_has_an_input_here() -> None:
    assert set(INPUTS) | OF_NO_WORKSPACE == set(MUTATIONS)


@pytest.mark.behaviour("B91")
@pytest.mark.parametrize("role", Role)
@each
async def test_a_mutation_needs_its_role(api: Api, world: World, database: Database, mutation: str, role: Role) -> None:
    arguments = await INPUTS[mutation](database, world)
    viewer, _ = await factories.create_viewer(database, world.workspace_id, role)
    kind, message = await api.outcome(viewer, mutation, **arguments)
    decision = decide(permission_of(mutation), AccessFacts(role, viewer.scopes))
    assert kind.endswith("Payload") if decision.is_allowed else (kind, message) == ("ForbiddenError", decision.message)


@pytest.mark.behaviour("B94")
@pytest.mark.parametrize("without", TokenScope)
@each
async def test_a_mutation_needs_its_scope(api: Api, world: World, database: Database, mutation: str, without: TokenScope) -> None:
    arguments = await INPUTS[mutation](database, world)
    viewer, _ = await factories.create_token(database, world.user_id, set(TokenScope) - {without})
    kind, message = await api.outcome(viewer, mutation, **arguments)
    decision = decide(permission_of(mutation), AccessFacts(Role.OWNER, viewer.scopes))
    assert kind.endswith("Payload") if decision.is_allowed else (kind, message) == ("ForbiddenError", decision.message)


@pytest.mark.behaviour("B94")
@pytest.mark.behaviour("B95")
@pytest.mark.parametrize("mutation", REPEATABLE)
async def test_a_token_without_the_scope_learns_nothing_from_a_key_or_an_id(
    api: Api, world: World, database: Database, mutation: str
) -> None:
    """Not the first result, not that the key was used, not with which input, and not what exists."""
    arguments = await INPUTS[mutation](database, world)
    scope = MATRIX[permission_of(mutation)].scope
    poorer, _ = await factories.create_token(database, world.user_id, set(TokenScope) - {scope})
    kind, _ = await api.outcome(world.viewer, mutation, **arguments, idempotencyKey="used")
    assert kind.endswith("Payload")
    absent = without_row(arguments)
    answers = {
        await api.outcome(poorer, mutation, **each_input, idempotencyKey=key)
        for each_input in (arguments, absent)
        for key in ("used", "unused")
    }
    assert answers == {("ForbiddenError", f"This access token lacks the scope {scope.value}. Use a token that has it.")}


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("bad", ["", "nonsense", "Studio:1", gid("User", NOWHERE), "ü", "U3R1ZGlvOg=="])
@each
async def test_text_that_is_not_an_id_is_not_found_at_its_field(
    api: Api, world: World, database: Database, mutation: str, bad: str
) -> None:
    arguments = await INPUTS[mutation](database, world)
    result = await api.mutate(world.viewer, mutation, **with_id(arguments, bad))
    assert (result["__typename"], result["field"]) == ("NotFoundError", id_path_of(arguments))
