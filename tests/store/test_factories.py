"""The factories' rows fit the tables."""

from services.store.database import Database
from tests import factories


async def test_a_world_holds_a_studio_with_everything_around_it(database: Database) -> None:
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1)
    await factories.create_session(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id)
    await factories.create_operation(database, world, studio_id)
