"""A running Studio: its periodic saves and their failures, and the warnings before it ends by itself."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from services.checkpoints.saves import SaveKind
from services.compute.protocol import ComputeFailed, Saved
from services.controller.lifecycle import run
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.controller.lifecycle.session_save import save_session
from services.store.sessions import SessionState
from services.store.tables import core
from services.studios.requests import StopStudioRequest
from tests.controller.harness import ControllerHarness, change_sessions, database_now, message_contains


@pytest.fixture
async def studio(harness: ControllerHarness) -> str:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    return studio


async def warnings(harness: ControllerHarness) -> list[str]:
    return [e["payload"]["code"] for e in await harness.rows(core.event) if e["kind"] == "disruption.warning"]


async def looked_again(harness: ControllerHarness) -> None:
    await change_sessions(harness)
    await harness.called("observe", harness.compute.calls.count("observe") + 2)


@pytest.mark.behaviour("B57")
async def test_people_are_warned_before_an_idle_stop_and_again_once_it_was_put_off(harness: ControllerHarness, studio: str) -> None:
    async def warned(times: int) -> bool:
        return await warnings(harness) == ["IDLE_STOPPED"] * times

    await change_sessions(harness, idle_stops_at=await database_now(harness) + timedelta(seconds=40))
    await harness.until(lambda: warned(1))
    moment = await database_now(harness)
    await change_sessions(harness, idle_stops_at=moment + timedelta(seconds=30), warned_at=moment - timedelta(seconds=100))
    await harness.until(lambda: warned(2))
    assert (await harness.row(studio))["status"] == "RUNNING"


@pytest.mark.behaviour("B57")
async def test_a_planned_stop_does_not_silence_the_warning_of_the_lifespan(harness: ControllerHarness, studio: str) -> None:
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio, grace_seconds=3600))
    await change_sessions(harness, expires_at=await database_now(harness) + timedelta(minutes=5))

    async def warned() -> bool:
        return await warnings(harness) == ["STUDIO_STOPPED", "LIFESPAN_EXPIRED"]

    await harness.until(warned)


@pytest.mark.behaviour("B30")
async def test_the_message_of_a_failed_periodic_save_stays_until_one_succeeds(harness: ControllerHarness, studio: str) -> None:
    harness.compute.broken["interim"] = ComputeFailed("The disk is full.")
    await change_sessions(harness, next_save_at=await database_now(harness))
    await harness.until(lambda: message_contains(harness, studio, "periodic save failed (The disk is full.)"))
    await looked_again(harness)
    assert await message_contains(harness, studio, "periodic save failed")
    harness.compute.broken.clear()
    await change_sessions(harness, next_save_at=await database_now(harness))
    await harness.until(lambda: quiet(harness, studio))


async def quiet(harness: ControllerHarness, studio: str) -> bool:
    return (await harness.row(studio))["status_message"] is None


async def test_a_periodic_save_that_hangs_is_given_up(harness: ControllerHarness, studio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MAX_SAVE_TIME", timedelta(seconds=0.1))
    harness.compute.hold["interim"] = asyncio.Event()
    await change_sessions(harness, next_save_at=await database_now(harness))
    await harness.until(lambda: message_contains(harness, studio, "it took too long"))


async def test_periodic_saves_end_when_the_workspace_switches_them_off(harness: ControllerHarness, studio: str) -> None:
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.workspace).values(checkpoint_interval_seconds=0))
    await change_sessions(harness, next_save_at=await database_now(harness))
    await harness.called("interim")

    async def none_planned() -> bool:
        return [s["next_save_at"] for s in await harness.rows(core.session)] == [None]

    await harness.until(none_planned)
    assert harness.compute.calls.count("interim") == 1


@pytest.mark.behaviour("B2")
async def test_a_save_that_ends_while_a_stop_begins_leaves_the_stops_message(
    harness: ControllerHarness, studio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with two servers: the one that saves hears of the stop only afterwards."""
    save = save_session

    async def then_stopped(claim: ClaimedStudio, session: SessionState, kind: SaveKind) -> Saved:
        saved = await save(claim, session, kind)
        if kind.is_interim:
            harness.controller_wakes.silent = True
            await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
        return saved

    monkeypatch.setattr(run, "save_session", then_stopped)
    await change_sessions(harness, next_save_at=await database_now(harness))
    assert (await harness.status(studio, "STOPPED"))["status_message"] == "Stopped by ada."


@pytest.mark.behaviour("B5")
async def test_what_is_left_of_a_session_removed_from_outside_is_removed(harness: ControllerHarness, studio: str) -> None:
    harness.compute.lose(await harness.name(studio))
    await harness.status(studio, "ERRORED")
    await harness.called("remove")
