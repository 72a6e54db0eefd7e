"""Faults: an engine that does not answer, refuses or loses sessions, and a controller that dies between any two steps."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.domain.time_policy import TimePolicy
from services.store.tables import core
from services.studios.requests import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.harness import ControllerHarness, mark_all_due, message_contains, no_cleanup_left


async def test_a_silent_engine_leaves_a_running_studio_running(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.silent = True
    await mark_all_due(harness)
    await harness.until(lambda: message_contains(harness, studio, "does not answer"))
    assert (await harness.row(studio))["status"] == "RUNNING"
    harness.compute.silent = False
    await harness.until(lambda: quiet(harness, studio))


async def quiet(harness: ControllerHarness, studio: str) -> bool:
    return (await harness.row(studio))["status_message"] is None


async def test_a_silent_engine_delays_a_stop_and_loses_nothing(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.silent = True
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.until(lambda: message_contains(harness, studio, "No files are lost"))
    assert (await harness.row(studio))["status"] == "STOPPING"
    harness.compute.silent = False
    await harness.status(studio, "STOPPED")
    assert len(harness.compute.saves) == 1


@pytest.mark.behaviour("B7")
@pytest.mark.parametrize("policy", [TimePolicy(start_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_start_that_misses_its_deadline_becomes_errored(harness: ControllerHarness) -> None:
    harness.compute.answers = False
    studio = await harness.add()
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_TIMEOUT"
    await harness.until(lambda: no_cleanup_left(harness))
    assert harness.compute.observations == {}


@pytest.mark.parametrize("policy", [TimePolicy(start_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_deadline_is_reported_and_not_acted_on_while_the_engine_is_silent(harness: ControllerHarness) -> None:
    harness.compute.silent = True
    studio = await harness.add()
    await harness.until(lambda: message_contains(harness, studio, "has passed"))
    assert (await harness.row(studio))["status"] == "STARTING"
    harness.compute.silent = False
    harness.compute.answers = False
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_TIMEOUT"


@pytest.mark.parametrize("fault", ["refused", "exited"])
async def test_a_failed_start_says_why_and_leaves_nothing(harness: ControllerHarness, fault: str) -> None:
    if fault == "refused":
        harness.compute.refuse_start = "There is no such program."
        studio = await harness.add()
    else:
        harness.compute.answers = False
        studio = await harness.add()
        await harness.called("probe")
        harness.compute.end(await harness.name(studio), 2)
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_FAILED"
    expected = (
        "There is no such program."
        if fault == "refused"
        else "The tool ended before it answered (exit code 2). Its last output:\nbad\nworse"
    )
    assert row["status_message"] == expected
    [operation] = await harness.rows(core.operation)
    assert (operation["state"], operation["error"]) == ("FAILED", expected)
    await harness.until(lambda: no_cleanup_left(harness))
    assert harness.compute.observations == {}


@pytest.mark.behaviour("B8")
async def test_a_failed_save_keeps_the_session_and_the_next_start_saves_it_first(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.refuse_save = "The disk is full."
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "SAVE_FAILED"
    assert "The disk is full." in row["status_message"]
    assert len(harness.compute.observations) == 1
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "SAVE_FAILED"
    harness.compute.refuse_save = None
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    by_number = {c["number"]: c for c in await harness.rows(core.checkpoint)}
    assert by_number[1]["status"] == "FINALIZED"
    assert harness.compute.specs[-1].base == by_number[1]["reference"]
    assert by_number[3]["parent_id"] == by_number[1]["id"]
    assert list(harness.compute.observations) == [str(await harness.name(studio))]


async def test_a_studio_whose_save_failed_can_be_deleted_and_is_cleaned_up(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.refuse_save = "The disk is full."
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    await harness.studios.delete(harness.world.viewer, StudioActionRequest(studio))
    await harness.until(lambda: no_cleanup_left(harness))
    assert harness.compute.observations == {}


async def test_a_failed_removal_becomes_a_cleanup_task_and_a_start_waits_for_it(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.refuse_removal = True
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    assert len(await harness.rows(core.session_cleanup)) == 1
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.until(lambda: message_contains(harness, studio, "it cannot be removed"))
    assert (await harness.row(studio))["status"] == "STARTING"
    harness.compute.refuse_removal = False
    await harness.status(studio, "RUNNING")
    assert await no_cleanup_left(harness)


@pytest.mark.behaviour("B12")
async def test_a_stop_does_not_wait_for_an_interim_save(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.hold["interim"] = asyncio.Event()
    async with harness.database.write() as transaction:
        await transaction.execute(core.session.update().values(next_save_at=transaction.now))
        await transaction.execute(core.studio.update().values(due_at=transaction.now))
        transaction.wake("studio", "")
    await harness.called("interim")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")


@pytest.mark.parametrize("held", ["image", "session", "probe"])
async def test_a_start_goes_on_after_a_crash_at_any_step(harness: ControllerHarness, held: str) -> None:
    harness.compute.hold[held] = asyncio.Event()
    studio = await harness.add()
    await harness.called(held)
    await harness.crash()
    harness.compute.hold.clear()
    await harness.start()
    await harness.status(studio, "RUNNING")
    assert len(harness.compute.specs) == 1


@pytest.mark.parametrize("held", ["stop", "observe", "save", "remove"])
async def test_a_stop_goes_on_after_a_crash_at_any_step(harness: ControllerHarness, held: str) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.hold[held] = asyncio.Event()
    before = harness.compute.calls.count(held)
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.called(held, before + 1)
    await harness.crash()
    harness.compute.hold.clear()
    await harness.start()
    await harness.status(studio, "STOPPED")
    assert [c["status"] for c in await harness.rows(core.checkpoint)] == ["FINALIZED"]
    assert harness.compute.observations == {}


async def test_a_controller_that_lost_the_lease_changes_nothing(harness: ControllerHarness) -> None:
    harness.compute.hold["probe"] = asyncio.Event()
    studio = await harness.add()
    await harness.called("probe")
    async with harness.database.write() as transaction:
        raised: Any = core.studio.c.lease_epoch + 1
        await transaction.execute(core.studio.update().values(lease_epoch=raised))
    harness.compute.hold["probe"].set()
    harness.compute.hold.clear()
    await harness.crash()
    assert (await harness.row(studio))["status"] == "STARTING"


async def test_an_event_missed_while_nobody_watched_is_noticed_by_observation(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    name = await harness.name(studio)
    await harness.crash()
    harness.compute.end(name, 0)
    harness.compute.changes = asyncio.Queue()
    await harness.start()
    await harness.status(studio, "STOPPED")
