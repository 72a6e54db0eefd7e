"""How mutations run: in the order of the document, to their end, and with nothing leaking out of what fails unexpectedly."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from resolvers.context import make_context
from schema.execution import Executor
from schema.limits import Limits
from services.domain.errors import Unauthenticated
from services.services import Services
from services.store import outbox
from services.store.db.database import Database
from services.store.reads import studios
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid
from tests.mutations.mutation_fields import CORE


async def test_the_mutations_of_a_request_run_in_order(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    document = """mutation($a: UpdateStudioInput!, $b: StudioActionInput!, $c: UpdateStudioInput!) {
        a: updateStudio(input: $a) { ...Studio } b: starStudio(input: $b) { ...Studio } c: updateStudio(input: $c) { ...Studio }
    } fragment Studio on StudioResult { ... on StudioPayload { studio { name revision isStarred } } }"""
    response = await api.run(
        world.viewer,
        document,
        a={"studioId": studio_id, "name": "First"},
        b={"studioId": studio_id},
        c={"studioId": studio_id, "name": "Second", "expectedRevision": 2},
    )
    assert [response["data"][part]["studio"] for part in "abc"] == [
        {"name": "First", "revision": 2, "isStarred": False},
        {"name": "First", "revision": 2, "isStarred": True},
        {"name": "Second", "revision": 3, "isStarred": True},
    ]


async def test_a_failed_mutation_stops_no_later_one(api: Api, world: World, database: Database) -> None:
    studio_id = gid("Studio", await factories.create_studio(database, world, "Analysis"))
    document = """mutation($a: StudioActionInput!, $b: StudioActionInput!) {
        a: starStudio(input: $a) { __typename } b: starStudio(input: $b) { __typename }
    }"""
    response = await api.run(world.viewer, document, a={"studioId": "nothing"}, b={"studioId": studio_id})
    assert response == {"data": {"a": {"__typename": "NotFoundError"}, "b": {"__typename": "StudioPayload"}}}


@asynccontextmanager
async def busy(database: Database, world: World) -> AsyncIterator[None]:
    """Another writer holds the workspace, so that commands wait."""
    async with database.write() as transaction:
        await outbox.lock_stream(transaction, world.workspace_id)
        yield


async def is_starred(database: Database, world: World, studio_id: str) -> bool:
    async with database.read() as reader:
        return (await studios.by_ids(reader, world.user_id, [studio_id]))[studio_id].is_starred


STAR = "mutation star($id: ID!) { starStudio(input: { studioId: $id }) { __typename } }"


@pytest.fixture
def hasty(services: Services) -> Api:
    """An API whose mutations may last a twentieth of a second."""
    return Api(Executor(CORE, lambda viewer: make_context(services, viewer), Limits(mutation_seconds=0.05)), CORE)


async def test_a_command_that_outlives_the_time_limit_is_finished_before_the_executor_closes(
    hasty: Api, world: World, database: Database
) -> None:
    studio_id = await factories.create_studio(database, world)
    async with busy(database, world):
        response = await hasty.run(world.viewer, STAR, id=gid("Studio", studio_id))
        assert response["errors"][0]["extensions"]["code"] == "TIMEOUT"
    await hasty.executor.close()
    assert await is_starred(database, world, studio_id)


async def test_a_command_that_does_not_end_while_the_executor_closes_changes_nothing(
    hasty: Api, world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    studio_id = await factories.create_studio(database, world)
    async with busy(database, world):
        await hasty.run(world.viewer, STAR, id=gid("Studio", studio_id))
        await hasty.executor.close(timeout=0.05)
    assert "command of starStudio" in caplog.text
    assert not await is_starred(database, world, studio_id)


async def test_what_fails_unexpectedly_is_masked(
    api: Api, world: World, services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("postgresql://secret@host")

    monkeypatch.setattr(services.tokens, "create", broken)
    response = await api.run(world.viewer, 'mutation { createToken(input: { name: "CI", scopes: [READ] }) { __typename } }')
    assert response["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(response)
    assert "postgresql://secret@host" in caplog.text


async def test_whoever_is_not_known_gets_an_error_and_no_result(
    api: Api, world: World, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: Any) -> None:
        raise Unauthenticated("This needs a valid access token.")

    monkeypatch.setattr(services.tokens, "create", unknown)
    response = await api.run(world.viewer, 'mutation { createToken(input: { name: "CI", scopes: [READ] }) { __typename } }')
    assert response["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
