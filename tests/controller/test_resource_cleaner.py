"""The resource cleaner: a removal that fails does not hold up the others."""

import asyncio

import pytest

from services.compute.registry import Computes
from services.controller.maintenance import resource_cleaner
from services.controller.maintenance.resource_cleaner import ResourceCleaner
from services.store import cleanup_tasks
from services.store.tables import core
from tests import factories
from tests.controller.faulty_compute import FaultyCompute
from tests.controller.harness import ControllerHarness


async def discard(harness: ControllerHarness, environment: str, count: int) -> None:
    async with harness.database.write() as transaction:
        for number in range(count):
            await cleanup_tasks.add_checkpoint(transaction, environment, f"save-{number}")


async def test_rows_of_an_environment_that_nobody_knows_do_not_stop_the_others(harness: ControllerHarness) -> None:
    await harness.crash()
    strange = await factories.create_compute_environment(harness.database, harness.world.workspace_id, "There", kind="strange")
    await discard(harness, strange, resource_cleaner.MAX_CONCURRENT_REMOVALS)
    await discard(harness, harness.world.compute_environment_id, 1)
    object.__setattr__(harness.services, "computes", Computes(harness.database, {"process": lambda _: harness.compute}))
    await harness.services.computes.verify(harness.world.compute_environment_id)
    at_work = ResourceCleaner(harness.services)
    await at_work.clean()
    rows = await harness.rows(core.checkpoint_cleanup)
    assert {row["compute_environment_id"] for row in rows} == {strange}
    assert {row["attempts"] for row in rows} == {0}  # left to a server that knows it


async def test_a_removal_that_breaks_or_hangs_is_tried_again_later(harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    await harness.crash()
    monkeypatch.setattr(resource_cleaner, "REMOVAL_TIMEOUT_SECONDS", 0.1)
    await discard(harness, harness.world.compute_environment_id, 2)
    harness.compute.broken["remove_checkpoint"] = OSError("a bug")
    at_work = ResourceCleaner(harness.services)
    await at_work.clean()
    assert [row["attempts"] for row in await harness.rows(core.checkpoint_cleanup)] == [1, 1]
    async with harness.database.write() as transaction:
        await transaction.execute(core.checkpoint_cleanup.update().values(due_at=transaction.now))
    harness.compute.broken.clear()
    harness.compute.hold["remove_checkpoint"] = asyncio.Event()
    await at_work.clean()
    assert {row["message"] for row in await harness.rows(core.checkpoint_cleanup)} == {"The removal took too long."}


async def test_removals_in_one_environment_wait_for_no_other(harness: ControllerHarness) -> None:
    """Sixty that hang in one, and one in a healthy one."""
    await harness.crash()
    slow = await factories.create_compute_environment(harness.database, harness.world.workspace_id, "Slow")
    hung = FaultyCompute(hold={"remove_checkpoint": asyncio.Event()})
    engines = {slow: hung, harness.world.compute_environment_id: harness.compute}
    computes = Computes(harness.database, {"process": lambda environment: engines[environment.id]})
    object.__setattr__(harness.services, "computes", computes)
    for environment_id in engines:
        await computes.verify(environment_id)
    await discard(harness, slow, 3 * resource_cleaner.MAX_CONCURRENT_REMOVALS)
    await discard(harness, harness.world.compute_environment_id, 1)
    at_work = ResourceCleaner(harness.services)
    await at_work.start()
    await harness.called("remove_checkpoint")
    await at_work.close()
