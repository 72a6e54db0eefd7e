"""How the controller carries out commands, and reacts to sessions that end by themselves."""

from datetime import timedelta

import pytest

from services.store.tables import core
from services.studios.requests import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.harness import ControllerHarness, change_sessions, database_now


async def reasons(harness: ControllerHarness) -> list[tuple[str, str]]:
    """Every connection error: code and reason."""
    events = await harness.rows(core.event)
    return [(e["payload"]["code"], e["payload"]["reason"]) for e in events if e["kind"] == "connection.error"]


@pytest.mark.behaviour("B3")
async def test_it_runs_only_once_the_tool_answers(harness: ControllerHarness) -> None:
    harness.compute.answers = False
    studio = await harness.add()
    await harness.called("probe", 5)
    assert (await harness.row(studio))["status"] == "STARTING"
    harness.compute.answers = True
    await harness.status(studio, "RUNNING")


@pytest.mark.behaviour("B8")
@pytest.mark.behaviour("B30")
async def test_a_stop_ends_saves_and_frees_in_this_order(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    row = await harness.status(studio, "STOPPED")
    order = [call for call in harness.compute.calls if call in ("stop", "save", "remove")]
    assert order == ["stop", "save", "remove"]
    assert (row["stop_reason"], row["status_message"], row["deadline"]) == ("USER_REQUEST", "Stopped by ada.", None)
    [checkpoint] = await harness.rows(core.checkpoint)
    assert (checkpoint["status"], checkpoint["size"], checkpoint["name"]) == ("FINALIZED", 10, "Cells_1")
    assert {o["state"] for o in await harness.rows(core.operation)} == {"SUCCEEDED"}


@pytest.mark.behaviour("B10")
async def test_the_next_start_begins_from_the_checkpoint(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    first, second = harness.compute.specs
    [saved] = [c for c in await harness.rows(core.checkpoint) if c["number"] == 1]
    assert (first.base, second.base, second.base_digest) == (None, saved["reference"], "sha256:0")


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize(
    ("code", "memory", "status", "reason", "message"),
    [
        (0, False, "STOPPED", "EXITED", "STUDIO_STOPPED"),
        (3, False, "ERRORED", "EXITED", "STUDIO_ERRORED"),
        (None, False, "ERRORED", "EXITED", "STUDIO_ERRORED"),
        (137, True, "ERRORED", "OUT_OF_MEMORY", "STUDIO_ERRORED"),
    ],
)
async def test_a_session_that_ends_by_itself_is_saved(
    harness: ControllerHarness, code: int | None, memory: bool, status: str, reason: str, message: str
) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.end(await harness.name(studio), code, out_of_memory=memory)
    row = await harness.status(studio, status)
    assert row["stop_reason"] == reason
    assert [error_code for error_code, _ in await reasons(harness)] == [message]
    assert [c["status"] for c in await harness.rows(core.checkpoint)] == ["FINALIZED"]
    assert harness.compute.observations == {}


@pytest.mark.behaviour("B31")
async def test_a_session_removed_from_outside_keeps_its_newest_save(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await change_sessions(harness, next_save_at=await database_now(harness))
    await harness.until(lambda: saved_interim(harness))
    harness.compute.lose(await harness.name(studio))
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "COMPUTE_ENV_LOST"
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert harness.compute.specs[-1].base is not None


async def saved_interim(harness: ControllerHarness) -> bool:
    return [c["status"] for c in await harness.rows(core.checkpoint)] == ["INTERIM"]


@pytest.mark.behaviour("B30")
async def test_a_final_save_replaces_the_interim_one_which_is_removed(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await change_sessions(harness, next_save_at=await database_now(harness))
    await harness.until(lambda: saved_interim(harness))
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    await harness.called("remove_checkpoint")
    [checkpoint] = await harness.rows(core.checkpoint)
    assert list(harness.compute.saves) == [checkpoint["reference"]]


@pytest.mark.behaviour("B4")
@pytest.mark.parametrize(
    ("column", "reason", "code"),
    [("expires_at", "LIFESPAN_EXPIRED", "LIFESPAN_EXPIRED"), ("idle_stops_at", "IDLE", "IDLE_STOPPED")],
)
async def test_a_session_ends_with_its_own_reason(harness: ControllerHarness, column: str, reason: str, code: str) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await change_sessions(harness, **{column: await database_now(harness)})
    row = await harness.status(studio, "STOPPED")
    assert row["stop_reason"] == reason
    assert [error_code for error_code, _ in await reasons(harness)] == [code]


@pytest.mark.behaviour("B57")
async def test_people_are_warned_once_before_the_lifespan_ends(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await change_sessions(harness, expires_at=await database_now(harness) + timedelta(minutes=5))
    await harness.until(lambda: warned(harness))
    await change_sessions(harness)
    await harness.called("observe", harness.compute.calls.count("observe") + 1)
    assert [e["payload"]["code"] for e in await harness.rows(core.event) if e["kind"] == "disruption.warning"] == ["LIFESPAN_EXPIRED"]


async def warned(harness: ControllerHarness) -> bool:
    return any(e["kind"] == "disruption.warning" for e in await harness.rows(core.event))


@pytest.mark.behaviour("B57")
async def test_a_stop_with_a_grace_comes_when_it_was_announced(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio, grace_seconds=600))
    assert (await harness.row(studio))["status"] == "RUNNING"
    await change_sessions(harness, stop_at=await database_now(harness))
    row = await harness.status(studio, "STOPPED")
    assert row["status_message"] == "Stopped by ada, as announced."


@pytest.mark.behaviour("B22")
async def test_what_a_deleted_studio_saved_is_removed(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    await harness.studios.delete(harness.world.viewer, StudioActionRequest(studio))
    await harness.called("remove_checkpoint")
    assert harness.compute.saves == {}


async def test_fifty_studios_go_on_side_by_side(harness: ControllerHarness) -> None:
    studios = [await harness.add(name=f"Studio {n}") for n in range(50)]
    for studio in studios:
        await harness.status(studio, "RUNNING")
    for studio in studios:
        await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    for studio in studios:
        await harness.status(studio, "STOPPED")
    assert harness.compute.observations == {}
