"""A save is written as a row before it is made: it is recorded or removed, whoever dies or freezes in between (B30, B31)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from services.store.tables import core
from services.studios.requests import StopStudioRequest
from tests.controller.harness import ControllerHarness

pytestmark = pytest.mark.behaviour("B31")


async def attempts(harness: ControllerHarness) -> list[dict[str, Any]]:
    return [row for row in await harness.rows(core.checkpoint_cleanup) if row["checkpoint_id"]]


@pytest.fixture
async def stopping(harness: ControllerHarness) -> str:
    """A Studio whose save has begun and does not end until `harness.compute.hold["save"]` is set."""
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.hold["save"] = asyncio.Event()
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.called("save")
    return studio


async def test_the_name_of_a_save_is_written_before_it_is_made_and_goes_when_it_is_recorded(
    harness: ControllerHarness, stopping: str
) -> None:
    [attempt] = await attempts(harness)
    assert harness.compute.saves == {}
    harness.compute.hold["save"].set()
    await harness.status(stopping, "STOPPED")
    assert await attempts(harness) == []
    [checkpoint] = await harness.rows(core.checkpoint)
    assert checkpoint["reference"] == attempt["reference"]


async def test_a_save_that_was_collected_meanwhile_is_made_again(harness: ControllerHarness, stopping: str) -> None:
    [attempt] = await attempts(harness)
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.checkpoint_cleanup).values(due_at=transaction.now))
    await harness.called("remove_checkpoint")
    harness.compute.hold["save"].set()
    await harness.status(stopping, "STOPPED")
    [checkpoint] = await harness.rows(core.checkpoint)
    assert checkpoint["reference"] in harness.compute.saves
    assert checkpoint["reference"] != attempt["reference"]


async def test_what_a_dead_controller_had_saved_is_recorded_by_the_next_one(harness: ControllerHarness, stopping: str) -> None:
    [attempt] = await attempts(harness)
    harness.compute.saves[attempt["reference"]] = True
    await harness.crash()
    del harness.compute.hold["save"]
    await harness.start()
    await harness.status(stopping, "STOPPED")
    [checkpoint] = await harness.rows(core.checkpoint)
    assert checkpoint["reference"] == attempt["reference"]
    assert list(harness.compute.saves) == [attempt["reference"]]
