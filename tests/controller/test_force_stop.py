"""A start or a stop that does not end, ended by force (B9)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from services.compute.protocol import Observation, Presence
from services.domain.errors import NotAllowedNow
from services.domain.time_policy import TimePolicy
from services.store.tables import core
from services.studios.requests import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.harness import ControllerHarness, no_cleanup_left

pytestmark = pytest.mark.behaviour("B9", "B31")


@pytest.fixture
def policy() -> TimePolicy:
    return TimePolicy(observe_interval=timedelta(seconds=5), lease_duration=timedelta(seconds=0.6))


async def long_ago(harness: ControllerHarness, studio_id: str) -> None:
    """As if it were in its status for an hour."""
    async with harness.database.write() as transaction:
        since = transaction.now - timedelta(hours=1)
        await transaction.execute(update(core.studio).where(core.studio.c.id == studio_id).values(status_since=since))


async def force(harness: ControllerHarness, studio_id: str) -> None:
    await harness.studios.force_stop(harness.world.viewer, StudioActionRequest(studio_id))


async def gone(harness: ControllerHarness) -> bool:
    return not harness.compute.observations and await no_cleanup_left(harness)


async def test_it_is_refused_before_its_time_and_says_when(harness: ControllerHarness) -> None:
    harness.compute.answers = False
    studio = await harness.add()
    await harness.called("probe")
    with pytest.raises(NotAllowedNow, match="can be forced to stop from") as refused:
        await force(harness, studio)
    row = await harness.row(studio)
    assert refused.value.until == row["status_since"] + timedelta(minutes=10)


async def test_a_running_one_is_stopped_not_forced_and_an_ended_one_stays(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await long_ago(harness, studio)
    with pytest.raises(NotAllowedNow, match="Only a start or a stop") as refused:
        await force(harness, studio)
    assert refused.value.until is None
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    before = await harness.status(studio, "STOPPED")
    await force(harness, studio)
    assert (await harness.row(studio))["version"] == before["version"]


async def test_a_forced_start_leaves_no_resources(harness: ControllerHarness) -> None:
    harness.compute.answers = False
    studio = await harness.add()
    await harness.called("probe")
    await long_ago(harness, studio)
    await force(harness, studio)
    row = await harness.row(studio)
    assert (row["status"], row["stop_reason"]) == ("STOPPED", "FORCED")
    await harness.until(lambda: gone(harness))
    [operation] = await harness.rows(core.operation)
    assert operation["state"] == "CANCELLED"
    harness.compute.answers = True
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")


async def test_resources_created_late_for_a_forced_start_are_removed_though_another_start_came_before(harness: ControllerHarness) -> None:
    harness.compute.answers = False
    studio = await harness.add()
    await harness.called("probe")
    forced = str(await harness.name(studio))
    await long_ago(harness, studio)
    await force(harness, studio)
    await harness.until(lambda: gone(harness))
    harness.compute.answers = True
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    harness.compute.observations[forced] = Observation(Presence.RUNNING)
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.session_cleanup).values(due_at=transaction.now))

    async def only_the_new_one() -> bool:
        return list(harness.compute.observations) == [str(await harness.name(studio))]

    await harness.until(only_the_new_one)


async def test_a_stop_that_hangs_keeps_the_newest_save(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.session).values(next_save_at=transaction.now))
        await transaction.execute(update(core.studio).values(due_at=transaction.now))
        transaction.wake("studio", studio)

    async def saved() -> bool:
        return [row["status"] for row in await harness.rows(core.checkpoint)] == ["INTERIM"]

    await harness.until(saved)
    harness.compute.hold["save"] = asyncio.Event()
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.called("save")
    await long_ago(harness, studio)
    await force(harness, studio)
    await harness.until(lambda: gone(harness))
    assert (await harness.row(studio))["status"] == "STOPPED"
    [checkpoint] = await harness.rows(core.checkpoint)
    assert checkpoint["status"] == "INTERIM"
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base == checkpoint["reference"]


async def test_what_a_late_controller_makes_is_removed_too(harness: ControllerHarness) -> None:
    """It was in the middle of creating the session, and did not hear of the end."""
    held = harness.compute.hold["session"] = asyncio.Event()
    studio = await harness.add()
    await harness.called("session")
    await long_ago(harness, studio)
    await force(harness, studio)
    held.set()
    await harness.until(lambda: gone(harness))
    assert (await harness.row(studio))["status"] == "STOPPED"
