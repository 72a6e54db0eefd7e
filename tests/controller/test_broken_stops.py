"""Stops that meet silence, mistakes of ours and environments that this server does not know: nothing is lost, nothing is stuck."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from services.compute.protocol import ComputeUnknown
from services.compute.registry import Computes
from services.controller import controller
from services.domain.policy import Policy
from services.store.tables import core
from services.studios.inputs import StartStudioRequest, StopStudioRequest
from tests.controller.conftest import House
from tests.controller.test_faults import no_leftovers, says


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "AFTER_A_BUG_SECONDS", 0.1)


@pytest.fixture
async def running(house: House) -> str:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    return studio


@pytest.mark.behaviour("B2")
async def test_after_a_silence_the_message_says_again_why_it_stopped(house: House, running: str) -> None:
    house.compute.silent = True
    await house.studios.stop(house.world.viewer, StopStudioRequest(running))
    await house.until(lambda: says(house, running, "Stopped by ada.\nWaiting"))
    house.compute.silent = False
    assert (await house.status(running, "STOPPED"))["status_message"] == "Stopped by ada."


async def test_a_mistake_of_ours_in_a_removal_is_a_leftover(house: House, running: str) -> None:
    house.compute.broken["remove"] = OSError("a bug")
    await house.studios.stop(house.world.viewer, StopStudioRequest(running))
    assert (await house.status(running, "STOPPED"))["stop_reason"] == "USER_REQUEST"
    house.compute.broken.clear()
    await house.until(lambda: no_leftovers(house))
    assert house.compute.there == {}


@pytest.mark.behaviour("B8")
@pytest.mark.parametrize("policy", [Policy(stop_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_mistake_of_ours_in_a_save_keeps_the_session_for_the_next_start(house: House, running: str) -> None:
    house.compute.broken["save"] = OSError("a bug")
    await house.studios.stop(house.world.viewer, StopStudioRequest(running))
    row = await house.status(running, "ERRORED")
    assert (row["stop_reason"], len(house.compute.there)) == ("SAVE_FAILED", 1)
    house.compute.broken.clear()
    await house.studios.start(house.world.viewer, StartStudioRequest(running))
    await house.status(running, "RUNNING")
    assert house.compute.specs[-1].base is not None


@pytest.mark.behaviour("B8")
@pytest.mark.parametrize("policy", [Policy(stop_deadline=timedelta(seconds=0.4))], ids=["short deadline"])
async def test_a_save_that_never_gets_an_answer_from_an_engine_that_answers_has_failed_at_the_deadline(house: House, running: str) -> None:
    house.compute.broken["save"] = ComputeUnknown("the keeper does not answer")
    await house.studios.stop(house.world.viewer, StopStudioRequest(running))
    row = await house.status(running, "ERRORED")
    assert (row["stop_reason"], len(house.compute.there)) == ("SAVE_FAILED", 1)


@pytest.mark.behaviour("B8")
async def test_a_kind_that_a_server_does_not_know_loses_nothing(house: House, running: str) -> None:
    known = house.tools.computes
    await house.crash()
    object.__setattr__(house.tools, "computes", Computes(house.database, {}))
    await house.studios.stop(house.world.viewer, StopStudioRequest(running))
    await house.start()
    assert (await house.status(running, "ERRORED"))["stop_reason"] == "SAVE_FAILED"
    await house.crash()
    object.__setattr__(house.tools, "computes", known)
    await house.start()
    await house.studios.start(house.world.viewer, StartStudioRequest(running))
    await house.status(running, "RUNNING")
    assert house.compute.specs[-1].base is not None


async def test_a_session_that_is_saved_ends_though_its_environment_is_no_longer_known(house: House, running: str) -> None:
    await house.crash()
    await house.studios.stop(house.world.viewer, StopStudioRequest(running))
    async with house.database.write() as transaction:
        await transaction.execute(update(core.session).values(saved=True))
    object.__setattr__(house.tools, "computes", Computes(house.database, {}))
    await house.start()
    assert (await house.status(running, "STOPPED"))["stop_reason"] == "USER_REQUEST"
    assert len(await house.rows(core.leftover)) == 1
