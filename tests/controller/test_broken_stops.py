"""Stops that meet engines that do not answer, bugs in the server, and unknown compute environments: nothing is lost or stuck."""

import asyncio
from datetime import timedelta

import pytest

from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner
from services.compute.protocol import ComputeUnknown
from services.controller import controller
from services.domain.time_policy import TimePolicy
from services.store.tables import core
from services.studios.requests import CheckpointNowRequest, StartStudioRequest, StopStudioRequest
from tests.controller.harness import ControllerHarness, message_contains, no_cleanup_left


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "BUG_BACKOFF_S", 0.1)


@pytest.fixture
async def running(harness: ControllerHarness) -> str:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    return studio


@pytest.mark.behaviour("B2")
async def test_after_the_engine_answers_again_the_message_says_why_it_stopped(harness: ControllerHarness, running: str) -> None:
    harness.compute.silent = True
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(running))
    await harness.until(lambda: message_contains(harness, running, "Stopped by ada.\nWaiting"))
    harness.compute.silent = False
    assert (await harness.status(running, "STOPPED"))["status_message"] == "Stopped by ada."


@pytest.mark.behaviour("B84")
@pytest.mark.parametrize("requested", [True, False])
async def test_an_unusual_cost_of_a_save_shows_in_the_operation(harness: ControllerHarness, running: str, requested: bool) -> None:
    call = "interim" if requested else "save"
    harness.compute.save_cost, harness.compute.hold[call] = "Writing 4,096 MiB.", asyncio.Event()
    viewer = harness.world.viewer
    if requested:
        await Checkpoints(CommandRunner(harness.database), TimePolicy()).save_now(viewer, CheckpointNowRequest(running))
    else:
        await harness.studios.stop(viewer, StopStudioRequest(running))
    await harness.called(call)
    steps = (await harness.rows(core.operation))[-1]["steps"]
    assert [step["message"] for step in steps if step["state"] == "IN_PROGRESS"] == ["Writing 4,096 MiB."]
    harness.compute.hold[call].set()


async def test_a_removal_that_meets_a_bug_becomes_a_cleanup_task(harness: ControllerHarness, running: str) -> None:
    harness.compute.broken["remove"] = OSError("a bug")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(running))
    assert (await harness.status(running, "STOPPED"))["stop_reason"] == "USER_REQUEST"
    harness.compute.broken.clear()
    await harness.until(lambda: no_cleanup_left(harness))
    assert harness.compute.observations == {}


@pytest.mark.behaviour("B8")
@pytest.mark.parametrize("policy", [TimePolicy(stop_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_save_that_meets_a_bug_keeps_the_session_for_the_next_start(harness: ControllerHarness, running: str) -> None:
    harness.compute.broken["save"] = OSError("a bug")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(running))
    row = await harness.status(running, "ERRORED")
    assert (row["stop_reason"], len(harness.compute.observations)) == ("SAVE_FAILED", 1)
    harness.compute.broken.clear()
    await harness.studios.start(harness.world.viewer, StartStudioRequest(running))
    await harness.status(running, "RUNNING")
    assert harness.compute.specs[-1].base is not None


@pytest.mark.behaviour("B8")
@pytest.mark.parametrize("policy", [TimePolicy(stop_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_save_that_never_gets_an_answer_from_an_engine_that_answers_has_failed_at_the_deadline(
    harness: ControllerHarness, running: str
) -> None:
    harness.compute.broken["save"] = ComputeUnknown("the keeper does not answer")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(running))
    row = await harness.status(running, "ERRORED")
    assert (row["stop_reason"], len(harness.compute.observations)) == ("SAVE_FAILED", 1)
