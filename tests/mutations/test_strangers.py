"""Users who are not members learn nothing: what is hidden from them looks like what does not exist (B92)."""

import pytest

from services.domain.access import TokenScope
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, Json, gid
from tests.mutations.inputs import INPUTS, a_new_studio, each, without_row


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("scopes", [frozenset(TokenScope), frozenset()], ids=["every-scope", "no-scope"])
@each
async def test_to_a_stranger_what_is_hidden_looks_like_what_is_absent(
    api: Api, world: World, database: Database, mutation: str, scopes: frozenset[TokenScope]
) -> None:
    arguments = await INPUTS[mutation](database, world)
    stranger, _ = await factories.create_token(database, await factories.create_user(database), scopes)
    answers: list[Json] = []
    for is_absent in (False, True):
        request = without_row(arguments) if is_absent else arguments
        answers.append(await api.mutate(stranger, mutation, **request))
    assert answers[0] == answers[1]
    assert answers[0]["__typename"] in ({"NotFoundError"} if scopes else {"NotFoundError", "ForbiddenError"})  # scopes come before ids


@pytest.mark.behaviour("B92")
async def test_another_workspaces_parts_are_not_found(api: Api, world: World, database: Database) -> None:
    elsewhere = await factories.create_workspace(database)
    template_id = await factories.create_template(database, elsewhere)
    environment_id = await factories.create_compute_environment(database, elsewhere)
    arguments = await a_new_studio(database, world)
    for field, foreign_id in (
        ("templateId", gid("Template", template_id)),
        ("computeEnvironmentId", gid("ComputeEnvironment", environment_id)),
    ):
        result = await api.mutate(world.viewer, "createStudio", **{**arguments, field: foreign_id})
        assert (result["__typename"], result["field"]) == ("NotFoundError", [field])
