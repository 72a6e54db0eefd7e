"""The observer: one compute environment that hangs or breaks does not keep it from the others."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from services.compute.registry import Computes
from services.controller.lifecycle import environment_observer
from services.domain.time_policy import TimePolicy
from services.store.tables import core
from tests import factories
from tests.controller.faulty_compute import FaultyCompute
from tests.controller.harness import ControllerHarness
from tests.waiting import eventually


async def checked(harness: ControllerHarness, but: str = "") -> None:
    """Wait until all have their capacity, `but` this one, which has a message."""

    async def there() -> bool:
        rows = await harness.rows(core.compute_environment)
        return all(row["message"] if row["id"] == but else row["cpu"] for row in rows if row["enabled"])

    await eventually(there)


@pytest.mark.parametrize(("fault", "message"), [("hangs", "did not answer within"), ("breaks", "in the log of the server")])
async def test_an_environment_that_cannot_be_checked_is_unreachable_and_the_others_are_checked(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    await harness.crash()
    monkeypatch.setattr(environment_observer, "CHECK_TIMEOUT_SECONDS", 0.2)
    bad = await factories.create_compute_environment(harness.database, harness.world.workspace_id, "There")
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(cpu=0.0))
    faulty = FaultyCompute(hold={"check": asyncio.Event()}) if fault == "hangs" else FaultyCompute(broken={"check": KeyError("a bug")})
    computes = Computes(harness.database, {"process": lambda environment: faulty if environment.id == bad else harness.compute})
    object.__setattr__(harness.services, "computes", computes)
    at_work = environment_observer.EnvironmentObserver(harness.services)
    await at_work.start()
    await checked(harness, but=bad)
    await at_work.close()
    rows = await harness.rows(core.compute_environment)
    assert {(row["id"] == bad, row["reachable"], row["cpu"]) for row in rows} == {(True, False, 0.0), (False, True, 8.0)}
    assert [row["message"] for row in rows if row["id"] == bad and message in row["message"]]


@pytest.mark.parametrize("policy", [TimePolicy(observe_interval=timedelta(minutes=5))], ids=["rare looks"])
async def test_sessions_in_an_environment_that_is_switched_off_are_still_listened_to(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.crash()
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=False))
        await transaction.execute(update(core.studio).values(due_at=transaction.now + timedelta(minutes=5)))
    await harness.start()
    harness.compute.end(await harness.name(studio), 0)
    await harness.status(studio, "STOPPED")


@pytest.mark.parametrize("policy", [TimePolicy(observe_interval=timedelta(minutes=5))], ids=["rare looks"])
async def test_an_environment_that_is_new_is_listened_to_at_once(harness: ControllerHarness) -> None:
    await harness.crash()
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=False))
    other = await factories.create_compute_environment(harness.database, harness.world.workspace_id, "There", cpu=0.0)
    computes = Computes(harness.database, {"process": lambda environment: FaultyCompute() if environment.id == other else harness.compute})
    object.__setattr__(harness.services, "computes", computes)
    await harness.start()
    await checked(harness)
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=core.compute_environment.c.id != other))
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await eventually(lambda: looked_at(harness, studio))
    harness.compute.end(await harness.name(studio), 0)
    await harness.status(studio, "STOPPED")


async def looked_at(harness: ControllerHarness, studio: str) -> bool:
    """Whether the next look of its own is minutes away."""
    due = (await harness.row(studio))["due_at"]
    return due is not None and due > datetime.now(UTC) + timedelta(minutes=1)
