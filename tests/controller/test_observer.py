"""The observer: one compute environment that hangs or breaks does not keep it from the others."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from services.compute.registry import Computes
from services.controller.lifecycle import observer
from services.domain.policy import Policy
from services.store.tables import core
from tests import factories
from tests.controller.conftest import House
from tests.controller.faulty import Faulty
from tests.server import wait_for


async def checked(house: House, but: str = "") -> None:
    """Wait until all have their capacity, `but` this one, which has a message."""

    async def there() -> bool:
        rows = await house.rows(core.compute_environment)
        return all(row["message"] if row["id"] == but else row["cpu"] for row in rows if row["enabled"])

    await wait_for(there)


@pytest.mark.parametrize(("fault", "message"), [("hangs", "said nothing"), ("breaks", "told in its log")])
async def test_an_environment_that_cannot_be_checked_is_unreachable_and_the_others_are_checked(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    await house.crash()
    monkeypatch.setattr(observer, "CHECK_LIMIT_SECONDS", 0.2)
    bad = await factories.create_compute_environment(house.database, house.world.workspace_id, "There")
    async with house.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(cpu=0.0))
    faulty = Faulty(hold={"check": asyncio.Event()}) if fault == "hangs" else Faulty(broken={"check": KeyError("a bug")})
    computes = Computes(house.database, {"process": lambda environment: faulty if environment.id == bad else house.compute})
    object.__setattr__(house.tools, "computes", computes)
    at_work = observer.Observer(house.tools)
    await at_work.start()
    await checked(house, but=bad)
    await at_work.close()
    rows = await house.rows(core.compute_environment)
    assert {(row["id"] == bad, row["reachable"], row["cpu"]) for row in rows} == {(True, False, 0.0), (False, True, 8.0)}
    assert [row["message"] for row in rows if row["id"] == bad and message in row["message"]]


@pytest.mark.parametrize("policy", [Policy(observe_every=timedelta(minutes=5))], ids=["rare looks"])
async def test_sessions_in_an_environment_that_is_switched_off_are_still_listened_to(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await house.crash()
    async with house.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=False))
        await transaction.execute(update(core.studio).values(due_at=transaction.now + timedelta(minutes=5)))
    await house.start()
    house.compute.end(await house.name(studio), 0)
    await house.status(studio, "STOPPED")


@pytest.mark.parametrize("policy", [Policy(observe_every=timedelta(minutes=5))], ids=["rare looks"])
async def test_an_environment_that_is_new_is_listened_to_at_once(house: House) -> None:
    await house.crash()
    async with house.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=False))
    other = await factories.create_compute_environment(house.database, house.world.workspace_id, "There", cpu=0.0)
    computes = Computes(house.database, {"process": lambda environment: Faulty() if environment.id == other else house.compute})
    object.__setattr__(house.tools, "computes", computes)
    await house.start()
    await checked(house)
    async with house.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=core.compute_environment.c.id != other))
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await wait_for(lambda: looked_at(house, studio))
    house.compute.end(await house.name(studio), 0)
    await house.status(studio, "STOPPED")


async def looked_at(house: House, studio: str) -> bool:
    """Whether the next look of its own is minutes away."""
    due = (await house.row(studio))["due_at"]
    return due is not None and due > datetime.now(UTC) + timedelta(minutes=1)
