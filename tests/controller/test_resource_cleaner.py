"""The clean-up: what cannot be removed does not hold up what can."""

import asyncio

import pytest

from services.compute.registry import Computes
from services.controller.maintenance import resource_cleaner
from services.controller.maintenance.resource_cleaner import ResourceCleaner
from services.store import cleanup_tasks
from services.store.tables import core
from tests import factories
from tests.controller.conftest import House


async def discard(house: House, environment: str, count: int) -> None:
    async with house.database.write() as transaction:
        for number in range(count):
            await cleanup_tasks.discard(transaction, environment, f"save-{number}")


async def test_rows_of_an_environment_that_nobody_knows_do_not_stop_the_others(house: House) -> None:
    await house.crash()
    strange = await factories.create_compute_environment(house.database, house.world.workspace_id, "There", kind="strange")
    await discard(house, strange, resource_cleaner.AT_ONCE)
    await discard(house, house.world.compute_environment_id, 1)
    object.__setattr__(house.tools, "computes", Computes(house.database, {"process": lambda _: house.compute}))
    at_work = ResourceCleaner(house.tools)
    while await at_work.clean():
        pass
    rows = await house.rows(core.garbage)
    assert {row["compute_environment_id"] for row in rows} == {strange}
    assert {(row["attempts"], "strange" in row["message"]) for row in rows} == {(1, True)}


async def test_a_removal_that_breaks_or_hangs_is_tried_again_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.crash()
    monkeypatch.setattr(resource_cleaner, "REMOVAL_SECONDS", 0.1)
    await discard(house, house.world.compute_environment_id, 2)
    house.compute.broken["remove_checkpoint"] = OSError("a bug")
    at_work = ResourceCleaner(house.tools)
    await at_work.clean()
    assert [row["attempts"] for row in await house.rows(core.garbage)] == [1, 1]
    async with house.database.write() as transaction:
        await transaction.execute(core.garbage.update().values(due_at=transaction.now))
    house.compute.broken.clear()
    house.compute.hold["remove_checkpoint"] = asyncio.Event()
    await at_work.clean()
    assert {row["message"] for row in await house.rows(core.garbage)} == {"The removal took too long."}
