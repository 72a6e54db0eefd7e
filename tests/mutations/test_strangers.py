"""Strangers learn nothing: what they may not see reads like what is not there (B92)."""

import pytest

from services.domain.access import TokenScope
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, Json, gid
from tests.mutations.inputs import IDS, INPUTS, NOWHERE, a_new_studio, each, place_of


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("scopes", [frozenset(TokenScope), frozenset()], ids=["every-scope", "no-scope"])
@each
async def test_to_a_stranger_the_forbidden_reads_like_the_absent(
    api: Api, world: World, database: Database, mutation: str, scopes: frozenset[TokenScope]
) -> None:
    given = await INPUTS[mutation](database, world)
    stranger, _ = await factories.create_token(database, await factories.create_user(database), scopes)
    answers: list[Json] = []
    for absent in (False, True):
        field = place_of(given)
        asked = {**given, field: gid(IDS[field], NOWHERE)} if absent else given
        answers.append(await api.mutate(stranger, mutation, **asked))
    assert answers[0] == answers[1]
    assert answers[0]["__typename"] == "NotFoundError"


@pytest.mark.behaviour("B92")
async def test_another_workspaces_parts_are_not_found(api: Api, world: World, database: Database) -> None:
    elsewhere = await factories.create_workspace(database)
    template_id = await factories.create_template(database, elsewhere)
    environment_id = await factories.create_compute_environment(database, elsewhere)
    given = await a_new_studio(database, world)
    for field, foreign in (
        ("templateId", gid("Template", template_id)),
        ("computeEnvironmentId", gid("ComputeEnvironment", environment_id)),
    ):
        result = await api.mutate(world.viewer, "createStudio", **{**given, field: foreign})
        assert (result["__typename"], result["field"]) == ("NotFoundError", [field])
