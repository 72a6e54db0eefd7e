"""A start or a stop that does not end, ended by force (B9)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from services.compute.protocol import Observation, Presence
from services.domain.errors import NotAllowedNow
from services.domain.policy import Policy
from services.store.tables import core
from services.studios.inputs import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.conftest import House

pytestmark = pytest.mark.behaviour("B9", "B31")


@pytest.fixture
def policy() -> Policy:
    return Policy(observe_every=timedelta(seconds=5), lease=timedelta(seconds=0.6))


async def long_ago(house: House, studio_id: str) -> None:
    """As if it were in its status for an hour."""
    async with house.database.write() as transaction:
        since = transaction.now - timedelta(hours=1)
        await transaction.execute(update(core.studio).where(core.studio.c.id == studio_id).values(status_since=since))


async def force(house: House, studio_id: str) -> None:
    await house.studios.force_stop(house.world.viewer, StudioActionRequest(studio_id))


async def gone(house: House) -> bool:
    return not house.compute.there and not await house.rows(core.leftover)


async def test_it_is_refused_before_its_time_and_says_when(house: House) -> None:
    house.compute.answers = False
    studio = await house.add()
    await house.called("probe")
    with pytest.raises(NotAllowedNow, match="It can be forced to stop from") as refused:
        await force(house, studio)
    row = await house.row(studio)
    assert refused.value.until == row["status_since"] + timedelta(minutes=10)


async def test_a_running_one_is_stopped_not_forced_and_an_ended_one_stays(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await long_ago(house, studio)
    with pytest.raises(NotAllowedNow, match="Only a start or a stop") as refused:
        await force(house, studio)
    assert refused.value.until is None
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    before = await house.status(studio, "STOPPED")
    await force(house, studio)
    assert (await house.row(studio))["version"] == before["version"]


async def test_a_start_that_hangs_is_ended_and_nothing_stays(house: House) -> None:
    house.compute.answers = False
    studio = await house.add()
    await house.called("probe")
    await long_ago(house, studio)
    await force(house, studio)
    row = await house.row(studio)
    assert (row["status"], row["stop_reason"]) == ("STOPPED", "FORCED")
    await house.until(lambda: gone(house))
    [operation] = await house.rows(core.operation)
    assert operation["state"] == "CANCELLED"
    house.compute.answers = True
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")


async def test_what_is_made_late_of_a_forced_start_goes_though_another_start_came_before(house: House) -> None:
    house.compute.answers = False
    studio = await house.add()
    await house.called("probe")
    forced = str(await house.name(studio))
    await long_ago(house, studio)
    await force(house, studio)
    due = core.leftover.c.due_at
    async with house.database.write() as transaction:
        later = {"due_at": transaction.now + timedelta(hours=1)}
        await transaction.execute(update(core.leftover).where(due > transaction.now).values(**later))
    house.compute.answers = True
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    house.compute.there[forced] = Observation(Presence.RUNNING)
    async with house.database.write() as transaction:
        await transaction.execute(update(core.leftover).values(due_at=transaction.now))

    async def only_the_new_one() -> bool:
        return list(house.compute.there) == [str(await house.name(studio))]

    await house.until(only_the_new_one)


async def test_a_stop_that_hangs_keeps_the_newest_save(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    async with house.database.write() as transaction:
        await transaction.execute(update(core.session).values(next_save_at=transaction.now))
        await transaction.execute(update(core.studio).values(due_at=transaction.now))
        transaction.wake("studio", studio)

    async def saved() -> bool:
        return [row["status"] for row in await house.rows(core.checkpoint)] == ["INTERIM"]

    await house.until(saved)
    house.compute.hold["save"] = asyncio.Event()
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.called("save")
    await long_ago(house, studio)
    await force(house, studio)
    await house.until(lambda: gone(house))
    assert (await house.row(studio))["status"] == "STOPPED"
    [checkpoint] = await house.rows(core.checkpoint)
    assert checkpoint["status"] == "INTERIM"
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    assert house.compute.specs[-1].base == checkpoint["reference"]


async def test_what_a_late_controller_makes_is_removed_too(house: House) -> None:
    """It was in the middle of creating the session, and did not hear of the end."""
    held = house.compute.hold["session"] = asyncio.Event()
    studio = await house.add()
    await house.called("session")
    await long_ago(house, studio)
    await force(house, studio)
    held.set()
    await house.until(lambda: gone(house))
    assert (await house.row(studio))["status"] == "STOPPED"
