"""Checkpoints with many layers are merged while nobody uses them, and by a start that must (B37)."""

import asyncio
from typing import Any

import pytest

from services.compute.protocol import ComputeFailed
from services.controller.maintenance import checkpoint_flattener
from services.controller.maintenance.checkpoint_flattener import CheckpointFlattener
from services.store.tables import core
from services.studios.requests import StartStudioRequest, StopStudioRequest
from tests.controller.harness import ControllerHarness


async def stopped(harness: ControllerHarness, layers: int, name: str = "Cells") -> str:
    """A Studio whose only checkpoint has so many layers."""
    harness.compute.layers = layers
    studio = await harness.add(name=name)
    await harness.status(studio, "RUNNING")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    return studio


async def checkpoint(harness: ControllerHarness) -> dict[str, Any]:
    return (await harness.rows(core.checkpoint))[0]


@pytest.fixture
async def flattener(harness: ControllerHarness) -> Any:
    made = CheckpointFlattener(harness.services)
    yield made
    await made.close()


@pytest.mark.behaviour("B37")
async def test_many_layers_are_merged_and_the_former_data_stays_for_a_while(
    harness: ControllerHarness, flattener: CheckpointFlattener
) -> None:
    await stopped(harness, 21)
    before = await checkpoint(harness)
    await flattener.flatten_due()
    after = await checkpoint(harness)
    assert (after["status"], after["digest"], after["layers"], after["size"]) == ("FINALIZED", "sha256:1", 1, before["size"])
    task = (await harness.rows(core.checkpoint_cleanup))[0]
    assert (task["reference"], task["checkpoint_id"]) == (before["reference"], None)
    assert (task["due_at"] - task["created_at"]).total_seconds() == 1800
    assert before["reference"] in harness.compute.saves


@pytest.mark.behaviour("B37")
async def test_few_layers_and_those_under_a_session_are_left_alone(harness: ControllerHarness, flattener: CheckpointFlattener) -> None:
    await stopped(harness, 20)
    used = await stopped(harness, 21, "Used")
    await harness.studios.start(harness.world.viewer, StartStudioRequest(used))
    await harness.status(used, "RUNNING")
    await flattener.flatten_due()
    assert "flatten" not in harness.compute.calls


@pytest.mark.behaviour("B37")
async def test_a_start_merges_layers_before_the_engines_limit(harness: ControllerHarness) -> None:
    studio = await stopped(harness, 91)
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert harness.compute.calls.count("flatten") == 1
    assert (await checkpoint(harness))["layers"] == 1


@pytest.mark.behaviour("B37")
async def test_a_merge_that_fails_is_left_alone_for_a_while(harness: ControllerHarness, flattener: CheckpointFlattener) -> None:
    await stopped(harness, 30)
    harness.compute.broken["flatten"] = ComputeFailed("The disk is full.")
    await flattener.flatten_due()
    await flattener.flatten_due()
    assert harness.compute.calls.count("flatten") == 1
    assert (await checkpoint(harness))["layers"] == 30


@pytest.mark.behaviour("B37")
async def test_those_that_cannot_be_merged_do_not_keep_the_others_waiting(
    harness: ControllerHarness, flattener: CheckpointFlattener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_flattener, "PAGE_SIZE", 1)
    await stopped(harness, 31, "Broken")
    await stopped(harness, 30, "Sound")
    harness.compute.broken["flatten"] = ComputeFailed("A layer is damaged.")
    await flattener.flatten_due()
    del harness.compute.broken["flatten"]
    await flattener.flatten_due()
    assert sorted(row["layers"] for row in await harness.rows(core.checkpoint)) == [1, 31]


@pytest.mark.behaviour("B37")
async def test_what_was_merged_of_a_checkpoint_that_changed_meanwhile_is_removed(
    harness: ControllerHarness, flattener: CheckpointFlattener
) -> None:
    await stopped(harness, 30)
    gate = harness.compute.hold["flatten"] = asyncio.Event()
    merging = asyncio.create_task(flattener.flatten_due())
    await harness.called("flatten")
    async with harness.database.write() as transaction:
        await transaction.execute(core.checkpoint.update().values(reference="another"))
    gate.set()
    await merging
    assert (await checkpoint(harness))["reference"] == "another"
    attempts = [task for task in await harness.rows(core.checkpoint_cleanup) if task["checkpoint_id"]]
    assert ["-flat-" in task["reference"] for task in attempts] == [True]
