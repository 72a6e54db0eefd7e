"""Faults: an engine that is silent, refuses, loses; a controller that dies between any two steps. Unknown is not stopped."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.domain.policy import Policy
from services.store.tables import core
from services.studios.inputs import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.conftest import House


async def says(house: House, studio: str, text: str) -> bool:
    return text in ((await house.row(studio))["status_message"] or "")


async def look(house: House) -> None:
    async with house.database.write() as transaction:
        await transaction.execute(core.studio.update().values(due_at=transaction.now))
        transaction.wake("studio", "")


async def test_a_silent_engine_leaves_a_running_studio_running(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.silent = True
    await look(house)
    await house.until(lambda: says(house, studio, "does not answer"))
    assert (await house.row(studio))["status"] == "RUNNING"
    house.compute.silent = False
    await house.until(lambda: quiet(house, studio))


async def quiet(house: House, studio: str) -> bool:
    return (await house.row(studio))["status_message"] is None


async def test_a_silent_engine_delays_a_stop_and_loses_nothing(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.silent = True
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.until(lambda: says(house, studio, "Nothing is lost"))
    assert (await house.row(studio))["status"] == "STOPPING"
    house.compute.silent = False
    await house.status(studio, "STOPPED")
    assert len(house.compute.saves) == 1


@pytest.mark.behaviour("B7")
@pytest.mark.parametrize("policy", [Policy(start_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_start_that_misses_its_deadline_becomes_errored(house: House) -> None:
    house.compute.answers = False
    studio = await house.add()
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_TIMEOUT"
    await house.until(lambda: no_leftovers(house))
    assert house.compute.there == {}


@pytest.mark.parametrize("policy", [Policy(start_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_deadline_is_reported_and_not_acted_on_while_the_engine_is_silent(house: House) -> None:
    house.compute.silent = True
    studio = await house.add()
    await house.until(lambda: says(house, studio, "has passed"))
    assert (await house.row(studio))["status"] == "STARTING"
    house.compute.silent = False
    house.compute.answers = False
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_TIMEOUT"


async def no_leftovers(house: House) -> bool:
    return await house.rows(core.leftover) == []


@pytest.mark.parametrize("fault", ["refused", "exited"])
async def test_a_failed_start_says_why_and_leaves_nothing(house: House, fault: str) -> None:
    if fault == "refused":
        house.compute.refuse_start = "There is no such program."
        studio = await house.add()
    else:
        house.compute.answers = False
        studio = await house.add()
        await house.called("probe")
        house.compute.end(await house.name(studio), 2)
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_FAILED"
    expected = (
        "There is no such program."
        if fault == "refused"
        else "The tool ended before it answered (exit code 2). Its last output:\nbad\nworse"
    )
    assert row["status_message"] == expected
    [operation] = await house.rows(core.operation)
    assert (operation["state"], operation["error"]) == ("FAILED", expected)
    await house.until(lambda: no_leftovers(house))
    assert house.compute.there == {}


@pytest.mark.behaviour("B8")
async def test_a_failed_save_keeps_the_session_and_the_next_start_saves_it_first(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.refuse_save = "The disk is full."
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "SAVE_FAILED"
    assert "The disk is full." in row["status_message"]
    assert len(house.compute.there) == 1
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "SAVE_FAILED"
    house.compute.refuse_save = None
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    by_number = {c["number"]: c for c in await house.rows(core.checkpoint)}
    assert by_number[1]["status"] == "FINALIZED"
    assert house.compute.specs[-1].base == by_number[1]["reference"]
    assert by_number[3]["parent_id"] == by_number[1]["id"]
    assert list(house.compute.there) == [str(await house.name(studio))]


async def test_a_studio_whose_save_failed_can_be_deleted_and_is_cleaned_up(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.refuse_save = "The disk is full."
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "ERRORED")
    await house.studios.delete(house.world.viewer, StudioActionRequest(studio))
    await house.until(lambda: no_leftovers(house))
    assert house.compute.there == {}


async def test_what_cannot_be_removed_is_left_over_and_retried_and_a_start_waits_for_it(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.refuse_removal = True
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    assert len(await house.rows(core.leftover)) == 1
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.until(lambda: says(house, studio, "it cannot be removed"))
    assert (await house.row(studio))["status"] == "STARTING"
    house.compute.refuse_removal = False
    await house.status(studio, "RUNNING")
    assert await house.rows(core.leftover) == []


@pytest.mark.behaviour("B30")
async def test_a_missing_checkpoint_is_invalid_and_the_one_before_is_used(house: House) -> None:
    studio = await house.add()
    for _ in range(2):
        await house.status(studio, "RUNNING")
        await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
        await house.status(studio, "STOPPED")
        await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    house.compute.no_checkpoint = True
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "CHECKPOINT_MISSING"
    by_number = {c["number"]: c for c in await house.rows(core.checkpoint)}
    assert [by_number[n]["status"] for n in (1, 2, 3)] == ["FINALIZED", "FINALIZED", "INVALID"]
    house.compute.no_checkpoint = False
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    assert house.compute.specs[-1].base == by_number[2]["reference"]


@pytest.mark.behaviour("B12")
async def test_a_stop_does_not_wait_for_an_interim_save(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.hold["interim"] = asyncio.Event()
    async with house.database.write() as transaction:
        await transaction.execute(core.session.update().values(next_save_at=transaction.now))
        await transaction.execute(core.studio.update().values(due_at=transaction.now))
        transaction.wake("studio", "")
    await house.called("interim")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")


@pytest.mark.parametrize("held", ["image", "session", "probe"])
async def test_a_start_goes_on_after_a_crash_at_any_step(house: House, held: str) -> None:
    house.compute.hold[held] = asyncio.Event()
    studio = await house.add()
    await house.called(held)
    await house.crash()
    house.compute.hold.clear()
    await house.start()
    await house.status(studio, "RUNNING")
    assert len(house.compute.specs) == 1


@pytest.mark.parametrize("held", ["stop", "observe", "save", "remove"])
async def test_a_stop_goes_on_after_a_crash_at_any_step(house: House, held: str) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.hold[held] = asyncio.Event()
    before = house.compute.calls.count(held)
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.called(held, before + 1)
    await house.crash()
    house.compute.hold.clear()
    await house.start()
    await house.status(studio, "STOPPED")
    assert [c["status"] for c in await house.rows(core.checkpoint)] == ["FINALIZED"]
    assert house.compute.there == {}


async def test_whoever_lost_the_lease_changes_nothing(house: House) -> None:
    house.compute.hold["probe"] = asyncio.Event()
    studio = await house.add()
    await house.called("probe")
    async with house.database.write() as transaction:
        raised: Any = core.studio.c.lease_epoch + 1
        await transaction.execute(core.studio.update().values(lease_epoch=raised))
    house.compute.hold["probe"].set()
    house.compute.hold.clear()
    await house.crash()
    assert (await house.row(studio))["status"] == "STARTING"


async def test_an_event_missed_while_nobody_listened_is_found_by_looking(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    name = await house.name(studio)
    await house.crash()
    house.compute.end(name, 0)
    house.compute.changes = asyncio.Queue()
    await house.start()
    await house.status(studio, "STOPPED")
