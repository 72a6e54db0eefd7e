"""Worlds with quotas, and what clients read of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, update

from services.domain.access import Viewer
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, Json, gid

QUOTAS = "query ($id: ID!) { workspace(by: { id: $id }) { quotas { resource scope limit used computeEnvironment { name } } } }"
SCOPES: dict[str, tuple[Table, str]] = {
    "WORKSPACE": (core.workspace, "workspace_id"),
    "ORGANIZATION": (core.organization, "organization_id"),
    "COMPUTE_ENVIRONMENT": (core.compute_environment, "compute_environment_id"),
}


async def limit(database: Database, world: World, scope: str, **limits: Any) -> None:
    """Sets limits of the world's workspace, organization or compute environment, by the names of their columns."""
    table, attribute = SCOPES[scope]
    async with database.write() as transaction:
        await transaction.execute(update(table).where(table.c.id == getattr(world, attribute)).values(**limits))


async def start(api: Api, viewer: Viewer, studio_id: str, **overrides: Any) -> Json:
    return await api.mutate(viewer, "startStudio", studioId=gid("Studio", studio_id), overrides=overrides or None)


async def quotas(api: Api, world: World, viewer: Viewer | None = None) -> list[tuple[str, str, float, float]]:
    """Scope, resource, limit and use of every quota that the workspace lists."""
    response = await api.run(viewer or world.viewer, QUOTAS, id=gid("Workspace", world.workspace_id))
    assert "errors" not in response, response
    return [(quota["scope"], quota["resource"], quota["limit"], quota["used"]) for quota in response["data"]["workspace"]["quotas"]]


async def running(database: Database, world: World, name: str, **configuration: Any) -> str:
    """A Studio that runs with 2 cores and 8192 MiB, or otherwise."""
    studio_id = await factories.create_studio(database, world, name, status="RUNNING", session_number=1)
    amounts = {"cpu": 2.0, "memory_mib": 8192, "gpu": 0, "lifespan_hours": 8, "environment": [], **configuration}
    environment_id = world.compute_environment_id
    await factories.create_session(database, world, studio_id, configuration=amounts, compute_environment_id=environment_id)
    return studio_id


async def stopped(database: Database, world: World, count: int) -> list[str]:
    return [await factories.create_studio(database, world, f"Studio {number}") for number in range(count)]


def kinds_of(results: Sequence[Json]) -> dict[str, int]:
    """How many results there are of each type."""
    names = [result["__typename"] for result in results]
    return {name: names.count(name) for name in set(names)}
