"""Checkpoints of running sessions that users ask for, and how many checkpoints a Studio keeps."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner
from services.compute.protocol import ComputeFailed
from services.domain.time_policy import TimePolicy
from services.store.tables import core
from services.studios.requests import (
    CheckpointNowRequest,
    CheckpointOutcome,
    RenameCheckpointRequest,
    StartStudioRequest,
    StopStudioRequest,
)
from tests.controller.harness import ControllerHarness


@pytest.fixture
async def studio(harness: ControllerHarness) -> str:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    return studio


@pytest.fixture
def checkpoints(harness: ControllerHarness) -> Checkpoints:
    return Checkpoints(CommandRunner(harness.database, b"key"), TimePolicy())


async def rows(harness: ControllerHarness) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in await harness.rows(core.checkpoint)}


async def ended(harness: ControllerHarness, outcome: CheckpointOutcome) -> dict[str, Any]:
    """Wait until the operation has ended, and return its row."""

    async def operation() -> dict[str, Any]:
        return next(row for row in await harness.rows(core.operation) if row["id"] == outcome.operation_id)

    async def has_ended() -> bool:
        return bool((await operation())["state"] != "RUNNING")

    await harness.until(has_ended)
    return await operation()


@pytest.mark.behaviour("B34")
async def test_a_requested_checkpoint_is_finalized_at_once_while_the_session_runs_on(
    harness: ControllerHarness, studio: str, checkpoints: Checkpoints
) -> None:
    outcome = await checkpoints.save_now(harness.world.viewer, CheckpointNowRequest(studio, "one"))
    assert (await ended(harness, outcome))["state"] == "SUCCEEDED"
    saved = await rows(harness)
    assert (saved["one"]["status"], saved["one"]["save_order"], saved["Cells_1"]["status"]) == ("FINALIZED", 1, "EMPTY")
    assert (await harness.row(studio))["status"] == "RUNNING"
    again = await checkpoints.save_now(harness.world.viewer, CheckpointNowRequest(studio))
    await ended(harness, again)
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    saved = await rows(harness)
    assert {name: row["save_order"] for name, row in saved.items()} == {"one": 1, "Cells_3": 2, "Cells_1": 3}
    assert len({row["reference"] for row in saved.values()}) == 3
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    assert (await harness.rows(core.session))[-1]["base_checkpoint_id"] == saved["Cells_1"]["id"]


@pytest.mark.behaviour("B34")
async def test_a_checkpoint_that_cannot_be_saved_goes_and_the_operation_says_why(
    harness: ControllerHarness, studio: str, checkpoints: Checkpoints
) -> None:
    harness.compute.broken["interim"] = ComputeFailed("The disk is full.")
    outcome = await checkpoints.save_now(harness.world.viewer, CheckpointNowRequest(studio, "one"))
    operation = await ended(harness, outcome)
    assert (operation["state"], operation["error"]) == (
        "FAILED",
        "The checkpoint could not be saved: The disk is full. The session runs on.",
    )
    assert (await rows(harness))["one"]["deleted_at"] is not None
    harness.compute.broken.clear()
    outcome = await checkpoints.save_now(harness.world.viewer, CheckpointNowRequest(studio, "one"))
    assert (await ended(harness, outcome))["state"] == "SUCCEEDED"


@pytest.mark.behaviour("B34")
async def test_a_request_ends_with_its_session(harness: ControllerHarness, studio: str, checkpoints: Checkpoints) -> None:
    harness.controller_wakes.silent = True
    outcome = await checkpoints.save_now(harness.world.viewer, CheckpointNowRequest(studio, "one"))
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    harness.controller_wakes.silent = False
    await harness.status(studio, "STOPPED")
    operation = await ended(harness, outcome)
    assert (operation["state"], operation["error"]) == ("FAILED", "The session ended before this checkpoint was saved.")
    assert (await rows(harness))["Cells_1"]["status"] == "FINALIZED"


@pytest.mark.behaviour("B34")
async def test_a_request_outlives_the_controller(harness: ControllerHarness, studio: str, checkpoints: Checkpoints) -> None:
    harness.compute.hold["interim"] = asyncio.Event()
    outcome = await checkpoints.save_now(harness.world.viewer, CheckpointNowRequest(studio, "one"))
    await harness.called("interim")
    await harness.crash()
    harness.compute.hold.clear()
    await harness.start()
    assert (await ended(harness, outcome))["state"] == "SUCCEEDED"
    references = {row["reference"] for row in (await rows(harness)).values() if row["reference"]}
    assert references == {(await rows(harness))["one"]["reference"]}


@pytest.mark.behaviour("B35")
async def test_a_workspace_keeps_the_newest_the_named_and_the_needed(
    harness: ControllerHarness, studio: str, checkpoints: Checkpoints
) -> None:
    viewer = harness.world.viewer
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.workspace).values(kept_checkpoints=2))
    for round_number in range(5):
        await harness.studios.stop(viewer, StopStudioRequest(studio))
        await harness.status(studio, "STOPPED")
        if round_number == 0:
            first = (await rows(harness))["Cells_1"]["id"]
            await checkpoints.rename(viewer, RenameCheckpointRequest(first, "published"))
        await harness.studios.start(viewer, StartStudioRequest(studio))
        await harness.status(studio, "RUNNING")
    kept = {name for name, row in (await rows(harness)).items() if row["deleted_at"] is None}
    assert kept == {"published", "Cells_4", "Cells_5", "Cells_6"}
    events = [e["payload"] for e in await harness.rows(core.event) if e["kind"] == "checkpoint" and e["payload"]["change"] == "deleted"]
    assert [event["name"] for event in events] == ["Cells_2", "Cells_3"]


@pytest.mark.behaviour("B38")
async def test_what_a_former_session_left_is_saved_but_does_not_replace_the_chosen_base(harness: ControllerHarness, studio: str) -> None:
    viewer = harness.world.viewer
    await harness.studios.stop(viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    first = (await rows(harness))["Cells_1"]["id"]
    await harness.studios.start(viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    harness.compute.broken["save"] = ComputeFailed("The disk is full.")
    await harness.studios.stop(viewer, StopStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    harness.compute.broken.clear()
    await harness.studios.start(viewer, StartStudioRequest(studio, from_checkpoint_id=first))
    await harness.status(studio, "RUNNING")
    assert (await rows(harness))["Cells_2"]["status"] == "FINALIZED"
    assert (await harness.rows(core.session))[-1]["base_checkpoint_id"] == first
