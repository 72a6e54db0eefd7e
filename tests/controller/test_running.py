"""What happens by itself while a Studio runs: periodic saves and their failures, and warnings of an end that comes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from services.checkpoints import saves
from services.compute.protocol import ComputeFailed
from services.controller.lifecycle import run
from services.store.tables import core
from services.studios.inputs import StopStudioRequest
from tests.controller.conftest import House
from tests.controller.test_faults import says
from tests.controller.test_lifecycle import change_session, now


@pytest.fixture
async def studio(house: House) -> str:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    return studio


async def warnings(house: House) -> list[str]:
    return [e["payload"]["code"] for e in await house.rows(core.event) if e["kind"] == "disruption.warning"]


async def looked_again(house: House) -> None:
    await change_session(house)
    await house.called("observe", house.compute.calls.count("observe") + 2)


@pytest.mark.behaviour("B57")
async def test_people_are_warned_before_an_idle_stop_and_again_once_it_was_put_off(house: House, studio: str) -> None:
    async def warned(times: int) -> bool:
        return await warnings(house) == ["IDLE_STOPPED"] * times

    await change_session(house, idle_stops_at=await now(house) + timedelta(seconds=40))
    await house.until(lambda: warned(1))
    moment = await now(house)
    await change_session(house, idle_stops_at=moment + timedelta(seconds=30), warned_at=moment - timedelta(seconds=100))
    await house.until(lambda: warned(2))
    assert (await house.row(studio))["status"] == "RUNNING"


@pytest.mark.behaviour("B57")
async def test_a_planned_stop_does_not_silence_the_warning_of_the_lifespan(house: House, studio: str) -> None:
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio, grace_seconds=3600))
    await change_session(house, expires_at=await now(house) + timedelta(minutes=5))

    async def warned() -> bool:
        return await warnings(house) == ["STUDIO_STOPPED", "LIFESPAN_EXPIRED"]

    await house.until(warned)


@pytest.mark.behaviour("B30")
async def test_a_failed_periodic_save_stays_said_until_one_succeeds(house: House, studio: str) -> None:
    house.compute.broken["interim"] = ComputeFailed("The disk is full.")
    await change_session(house, next_save_at=await now(house))
    await house.until(lambda: says(house, studio, "periodic save failed (The disk is full.)"))
    await looked_again(house)
    assert await says(house, studio, "periodic save failed")
    house.compute.broken.clear()
    await change_session(house, next_save_at=await now(house))
    await house.until(lambda: quiet(house, studio))


async def quiet(house: House, studio: str) -> bool:
    return (await house.row(studio))["status_message"] is None


async def test_a_periodic_save_that_hangs_is_given_up(house: House, studio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LONGEST_SAVE", timedelta(seconds=0.1))
    house.compute.hold["interim"] = asyncio.Event()
    await change_session(house, next_save_at=await now(house))
    await house.until(lambda: says(house, studio, "it took too long"))


async def test_periodic_saves_end_when_the_workspace_switches_them_off(house: House, studio: str) -> None:
    async with house.database.write() as transaction:
        await transaction.execute(update(core.workspace).values(checkpoint_interval_seconds=0))
    await change_session(house, next_save_at=await now(house))
    await house.called("interim")

    async def none_planned() -> bool:
        return [s["next_save_at"] for s in await house.rows(core.session)] == [None]

    await house.until(none_planned)
    assert house.compute.calls.count("interim") == 1


@pytest.mark.behaviour("B2")
async def test_a_save_that_ends_while_a_stop_begins_leaves_the_stops_message(
    house: House, studio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with two servers: the one that saves hears of the stop only afterwards."""
    save = saves.save

    async def then_stopped(*given: Any, interim: bool) -> Any:
        saved = await save(*given, interim=interim)
        if interim:
            house.running[0]._unsubscribe()
            await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
        return saved

    monkeypatch.setattr(saves, "save", then_stopped)
    await change_session(house, next_save_at=await now(house))
    assert (await house.status(studio, "STOPPED"))["status_message"] == "Stopped by ada."


@pytest.mark.behaviour("B5")
async def test_what_is_left_of_a_session_removed_from_outside_is_removed(house: House, studio: str) -> None:
    house.compute.lose(await house.name(studio))
    await house.status(studio, "ERRORED")
    await house.called("remove")
