"""Two releases of one tool as templates of a real server, and the migration of its Studio from one to the other."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import update

from schema.ids import decode
from services.compute.protocol import Upstream
from services.store.tables import core
from tests import factories
from tests.docker.server import STUDIO, Job
from tests.waiting import eventually

MIGRATE = """mutation($input: MigrateStudioInput!) { migrateStudio(input: $input) {
  __typename ... on StudioPayload { studio { id name } } ... on Error { code message } } }"""
DISCARD = """mutation($id: ID!) { discardMigration(input: { studioId: $id }) {
  __typename ... on DeleteStudioPayload { deletedStudioId } ... on Error { code message } } }"""
ATTEMPTS = """query($id: ID!) { studio(id: $id) { migrationAttempts { state studioName endedAt checkpoint { name }
  issues { kind subject message commands } } } }"""
OLD, NEW = "6.1", "6.2"


@dataclass(frozen=True, slots=True)
class MigratedStudio:
    """The Studio of a job as the original, and the Studio that a migration made of it."""

    job: Job
    studio: str

    async def status(self, expected: str, limit: float = 60) -> dict[str, Any]:
        """Waits for the status of the new Studio; ERRORED in between fails."""

        async def there() -> dict[str, Any] | None:
            studio: dict[str, Any] = (await self.job.server.graphql(STUDIO, {"id": self.studio}))["studio"]
            assert studio["status"] in (expected, "BUILDING", "STARTING", "RUNNING", "STOPPING"), studio
            return studio if studio["status"] == expected else None

        return await eventually(there, limit, 0.05)

    async def upstream(self) -> Upstream:
        return await self.job.upstream_of(decode(self.studio, "Studio"))

    async def result(self, limit: float = 60) -> dict[str, Any]:
        """Waits until the attempt has a result, and returns it."""

        async def there() -> dict[str, Any] | None:
            attempt = (await attempts(self.job, self.studio))[0]
            return None if attempt["state"] == "MIGRATING" else attempt

        return await eventually(there, limit, 0.05)

    async def discard(self) -> None:
        result = (await self.job.server.graphql(DISCARD, {"id": self.studio}))["discardMigration"]
        assert result == {"__typename": "DeleteStudioPayload", "deletedStudioId": self.studio}


async def add_release(job: Job, image: str, *, tool: str = "XPRA", old: str = OLD, new: str = NEW, port: int = 8000) -> None:
    """Makes the template of the job the release `old` of a tool, and adds the release `new` that runs the image."""
    async with job.database.write() as transaction:
        await transaction.execute(
            update(core.template).where(core.template.c.id == job.server.world.template_id).values(tool=tool, tool_version=old)
        )
    workspace_id = job.server.world.workspace_id
    await factories.create_template(job.database, workspace_id, f"Release {new}", tool=tool, tool_version=new, image=image, port=port)


async def migrate(job: Job, **values: Any) -> MigratedStudio:
    return MigratedStudio(job, (await outcome(job, **values))["studio"]["id"])


async def outcome(job: Job, **values: Any) -> dict[str, Any]:
    """Returns what `migrateStudio` answers."""
    result: dict[str, Any] = (await job.server.graphql(MIGRATE, {"input": {"studioId": job.studio} | values}))["migrateStudio"]
    return result


async def attempts(job: Job, studio: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await job.server.graphql(ATTEMPTS, {"id": studio}))["studio"]["migrationAttempts"]
    return listed
