"""Saves that are away: none is condemned but the one that was asked for, it comes back, and nobody starts from an older one unasked."""

import pytest

from services.controller.maintenance import checkpoint_audit
from services.domain.errors import CheckpointDataMissing
from services.domain.event_payloads import CheckpointChange
from services.store.tables import core
from services.studios.requests import CloneStudioRequest, StartStudioRequest, StopStudioRequest
from tests.controller.harness import ControllerHarness, change_sessions, database_now, message_contains
from tests.waiting import eventually


@pytest.fixture
async def studio(harness: ControllerHarness) -> str:
    """Stopped, with three saved checkpoints."""
    studio = await harness.add()
    for number in range(3):
        if number:
            await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
        await harness.status(studio, "RUNNING")
        await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
        await harness.status(studio, "STOPPED")
    return studio


async def statuses(harness: ControllerHarness) -> list[str]:
    """Those of the checkpoints that were ever saved."""
    return [row["status"] for row in await harness.rows(core.checkpoint) if row["reference"]]


@pytest.mark.behaviour("B30", "B38", "B39")
async def test_pressing_start_again_and_again_condemns_no_further_checkpoint(harness: ControllerHarness, studio: str) -> None:
    viewer = harness.world.viewer
    harness.compute.no_checkpoint = True
    await harness.studios.start(viewer, StartStudioRequest(studio))
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "CHECKPOINT_MISSING"
    assert "The data of the checkpoint Cells_3, which is the newest, is missing" in row["status_message"]
    assert "from the older checkpoint Cells_2" in row["status_message"]
    for _ in range(3):
        with pytest.raises(CheckpointDataMissing):
            await harness.studios.start(viewer, StartStudioRequest(studio))
    assert await statuses(harness) == ["FINALIZED", "FINALIZED", "INVALID"]
    newest = (await harness.rows(core.checkpoint))[2]
    harness.compute.no_checkpoint = False
    await harness.studios.start(viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base == newest["reference"]
    assert await statuses(harness) == ["FINALIZED"] * 3


@pytest.mark.behaviour("B38")
async def test_an_older_checkpoint_is_used_once_the_user_accepts_it(harness: ControllerHarness, studio: str) -> None:
    viewer = harness.world.viewer
    _, older, newest = await harness.rows(core.checkpoint)
    harness.compute.missing = {newest["reference"]}
    await harness.studios.start(viewer, StartStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    await harness.studios.start(viewer, StartStudioRequest(studio, accept_older_checkpoint=True))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base == older["reference"]


@pytest.mark.behaviour("B38")
async def test_a_chosen_checkpoint_that_is_missing_leaves_the_newest_to_start_from(harness: ControllerHarness, studio: str) -> None:
    viewer = harness.world.viewer
    chosen, _, newest = await harness.rows(core.checkpoint)
    harness.compute.missing = {chosen["reference"]}
    await harness.studios.start(viewer, StartStudioRequest(studio, from_checkpoint_id=chosen["id"]))
    row = await harness.status(studio, "ERRORED")
    assert row["status_message"].endswith("Start from another checkpoint, or from the newest one.")
    await harness.studios.start(viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base == newest["reference"]


@pytest.mark.behaviour("B38")
@pytest.mark.parametrize("interim", [True, False])
async def test_a_start_that_finds_its_unsaved_former_session_gone_asks_first(
    harness: ControllerHarness, studio: str, interim: bool
) -> None:
    viewer, older = harness.world.viewer, (await harness.rows(core.checkpoint))[-1]
    await harness.studios.start(viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    if interim:
        await change_sessions(harness, next_save_at=await database_now(harness))
        await harness.until(lambda: last_status_is(harness, "INTERIM"))
    harness.compute.refuse_save = "The disk is full."
    name = await harness.name(studio)
    await harness.studios.stop(viewer, StopStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    harness.compute.refuse_save = None
    del harness.compute.observations[str(name)]
    await harness.studios.start(viewer, StartStudioRequest(studio))
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "COMPUTE_ENV_LOST"
    assert "removed from the compute environment from outside before it could be saved" in row["status_message"]
    lost = (await harness.rows(core.checkpoint))[-2]
    if interim:
        assert f"continue from {lost['name']}" in row["status_message"]
    else:
        assert f"A start would continue from the older checkpoint {older['name']}" in row["status_message"]
        with pytest.raises(CheckpointDataMissing, match="were lost before they were saved as Cells_4") as caught:
            await harness.studios.start(viewer, StartStudioRequest(studio))
        assert (caught.value.checkpoint_id, caught.value.older_checkpoint_id) == (lost["id"], older["id"])
    await harness.studios.start(viewer, StartStudioRequest(studio, accept_older_checkpoint=not interim))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base == (lost if interim else older)["reference"]


@pytest.mark.behaviour("B30", "B44")
async def test_a_clone_that_finds_its_base_missing_is_an_event_of_the_studio_that_saved_it(harness: ControllerHarness, studio: str) -> None:
    viewer = harness.world.viewer
    harness.compute.no_checkpoint = True
    clone = (await harness.studios.clone(viewer, CloneStudioRequest(name="Clone", studio_id=studio))).studio_id
    row = await harness.status(clone, "ERRORED")
    assert row["stop_reason"] == "CHECKPOINT_MISSING"
    assert await statuses(harness) == ["FINALIZED", "FINALIZED", "INVALID"]
    events = [row for row in await harness.rows(core.event) if row["payload"].get("change") == CheckpointChange.INVALIDATED.value]
    assert [(event["studio_id"], event["studio_name"]) for event in events] == [(studio, "Cells")]


async def last_status_is(harness: ControllerHarness, status: str) -> bool:
    return str((await harness.rows(core.checkpoint))[-1]["status"]) == status


@pytest.mark.behaviour("B38")
async def test_a_first_session_lost_before_its_first_save_is_not_begun_anew_unasked(harness: ControllerHarness) -> None:
    viewer, studio = harness.world.viewer, await harness.add()
    await harness.status(studio, "RUNNING")  # a first start is not asked
    harness.compute.lose(await harness.name(studio))
    assert (await harness.status(studio, "ERRORED"))["stop_reason"] == "COMPUTE_ENV_LOST"
    with pytest.raises(CheckpointDataMissing, match="without any saved files") as caught:
        await harness.studios.start(viewer, StartStudioRequest(studio))
    assert caught.value.older_checkpoint_id is None
    await harness.studios.start(viewer, StartStudioRequest(studio, accept_older_checkpoint=True))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base is None


@pytest.mark.behaviour("B39")
async def test_a_checkpoint_that_is_back_is_valid_again_without_a_start(
    harness: ControllerHarness, studio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.compute.no_checkpoint = True
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    await harness.crash()
    monkeypatch.setattr(checkpoint_audit, "FIRST_PAUSE_SECONDS", 0.1)
    await harness.start()
    await harness.called("has_checkpoint", 2)
    assert await statuses(harness) == ["FINALIZED", "FINALIZED", "INVALID"]
    harness.compute.no_checkpoint = False

    async def is_valid() -> bool:
        return await statuses(harness) == ["FINALIZED"] * 3

    await eventually(is_valid)


@pytest.mark.behaviour("B39")
async def test_what_another_engine_lacks_makes_no_checkpoint_invalid(harness: ControllerHarness, studio: str) -> None:
    engine = harness.compute.engine
    harness.compute.no_checkpoint, harness.compute.engine = True, None
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.until(lambda: message_contains(harness, studio, "reaches another data directory"))
    assert await statuses(harness) == ["FINALIZED"] * 3
    harness.compute.no_checkpoint, harness.compute.engine = False, engine
    await harness.status(studio, "RUNNING")
    assert await statuses(harness) == ["FINALIZED"] * 3
