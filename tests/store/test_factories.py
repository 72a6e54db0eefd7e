"""The factories' rows fit the tables."""

import pytest
from sqlalchemy.exc import IntegrityError

from services.store.db.database import Database
from tests import factories


async def test_a_world_holds_a_studio_with_everything_around_it(database: Database) -> None:
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1)
    await factories.create_session(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id)
    await factories.create_operation(database, world, studio_id)


async def test_a_status_that_is_no_word_of_the_domain_is_refused(database: Database) -> None:
    world = await factories.create_world(database)
    with pytest.raises(IntegrityError, match="ck_studio_status"):
        await factories.create_studio(database, world, status="SLEEPING")
    with pytest.raises(IntegrityError, match="ck_membership_role"):
        await factories.create_member(database, world.workspace_id, 7)  # type: ignore[arg-type]
