"""A hundred starts at once through two API servers, each a process of its own, never exceed a quota together (B18)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from schema.ids import encode
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.server import Server, end_sessions, seed

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
STARTS, LIMIT = 100, 9
START = "mutation ($id: ID!) { startStudio(input: { studioId: $id }) { __typename ... on QuotaExceededError { used limit } } }"


@pytest.mark.behaviour("B18")
async def test_starts_through_two_servers_keep_the_limit_of_an_organization(tmp_path: Path, postgresql_url: str) -> None:
    world, database = await seed(postgresql_url), Database(postgresql_url)
    neighbour = await factories.create_neighbour(database, world, "other")
    async with database.write() as transaction:
        await transaction.execute(update(core.organization).values(max_sessions=LIMIT))
    homes = [world, neighbour]
    studios = [(home, await factories.create_studio(database, home)) for home in homes for _ in range(STARTS // len(homes))]
    key = {"secret_key": "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "connect_domain": "sessions.test:80"}
    servers = [Server(tmp_path / str(number), postgresql_url, world, key, role="api") for number in range(2)]
    try:
        for server in servers:
            server.directory.mkdir()
            await server.start()

        async def start(number: int, home: factories.World, studio_id: str) -> dict[str, Any]:
            answer = await servers[number % 2].graphql(START, {"id": encode("Studio", studio_id)}, home.secret)
            return dict(answer["startStudio"])

        results = await asyncio.gather(*(start(number // 2, *studio) for number, studio in enumerate(studios)))
    finally:
        for server in servers:
            await server.stop()
            await server.http.aclose()
        end_sessions(tmp_path)
        await database.close()
    assert [result["__typename"] for result in results].count("StudioPayload") == LIMIT
    refused = [result for result in results if result["__typename"] != "StudioPayload"]
    assert refused == [{"__typename": "QuotaExceededError", "used": LIMIT, "limit": LIMIT}] * (STARTS - LIMIT)
