"""How mutations run: in the order of the document, to their end, and with nothing leaking out of what fails unexpectedly."""

import asyncio
from typing import Any

import pytest

from resolvers.mutations import to_the_end
from services.domain.errors import Unauthenticated
from services.services import Services
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid


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


async def test_a_command_that_is_cut_off_still_ends_well() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def command() -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    caller = asyncio.create_task(to_the_end(command()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()
    async with asyncio.timeout(5):
        await ended.wait()


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
