"""What the controller makes of commands and of what happens by itself."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from services.store.tables import core
from services.studios.inputs import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.conftest import House


async def change_session(house: House, **values: Any) -> None:
    """As if time had passed: write the session's times, and have the controller look."""
    async with house.database.write() as transaction:
        if values:
            await transaction.execute(update(core.session).values(**values))
        await transaction.execute(update(core.studio).values(due_at=transaction.now))
        transaction.wake("studio", "")


async def now(house: House) -> Any:
    async with house.database.write() as transaction:
        return transaction.now


async def reasons(house: House) -> list[tuple[str, str]]:
    """Every connection error: code and reason."""
    events = await house.rows(core.event)
    return [(e["payload"]["code"], e["payload"]["reason"]) for e in events if e["kind"] == "connection.error"]


@pytest.mark.behaviour("B3")
async def test_it_runs_only_once_the_tool_answers(house: House) -> None:
    house.compute.answers = False
    studio = await house.add()
    await house.called("probe", 5)
    assert (await house.row(studio))["status"] == "STARTING"
    house.compute.answers = True
    await house.status(studio, "RUNNING")


@pytest.mark.behaviour("B8")
@pytest.mark.behaviour("B30")
async def test_a_stop_ends_saves_and_frees_in_this_order(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    row = await house.status(studio, "STOPPED")
    order = [call for call in house.compute.calls if call in ("stop", "save", "remove")]
    assert order == ["stop", "save", "remove"]
    assert (row["stop_reason"], row["status_message"], row["deadline"]) == ("USER_REQUEST", "Stopped by ada.", None)
    [checkpoint] = await house.rows(core.checkpoint)
    assert (checkpoint["status"], checkpoint["size"], checkpoint["name"]) == ("FINALIZED", 10, "Cells_1")
    assert {o["state"] for o in await house.rows(core.operation)} == {"SUCCEEDED"}


@pytest.mark.behaviour("B10")
async def test_the_next_start_begins_from_the_checkpoint(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    first, second = house.compute.specs
    [saved] = [c for c in await house.rows(core.checkpoint) if c["number"] == 1]
    assert (first.base, second.base, second.base_digest) == (None, saved["reference"], "sha256:0")


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize(
    ("code", "memory", "status", "reason", "told"),
    [
        (0, False, "STOPPED", "EXITED", "STUDIO_STOPPED"),
        (3, False, "ERRORED", "EXITED", "STUDIO_ERRORED"),
        (None, False, "ERRORED", "EXITED", "STUDIO_ERRORED"),
        (137, True, "ERRORED", "OUT_OF_MEMORY", "STUDIO_ERRORED"),
    ],
)
async def test_a_session_that_ends_by_itself_is_saved(
    house: House, code: int | None, memory: bool, status: str, reason: str, told: str
) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    house.compute.end(await house.name(studio), code, out_of_memory=memory)
    row = await house.status(studio, status)
    assert row["stop_reason"] == reason
    assert [found for found, _ in await reasons(house)] == [told]
    assert [c["status"] for c in await house.rows(core.checkpoint)] == ["FINALIZED"]
    assert house.compute.there == {}


@pytest.mark.behaviour("B31")
async def test_a_session_removed_from_outside_keeps_its_newest_save(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await change_session(house, next_save_at=await now(house))
    await house.until(lambda: saved_interim(house))
    house.compute.lose(await house.name(studio))
    row = await house.status(studio, "ERRORED")
    assert row["stop_reason"] == "COMPUTE_ENV_LOST"
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    assert house.compute.specs[-1].base is not None


async def saved_interim(house: House) -> bool:
    return [c["status"] for c in await house.rows(core.checkpoint)] == ["INTERIM"]


@pytest.mark.behaviour("B30")
async def test_a_final_save_replaces_the_interim_one_and_discards_it(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await change_session(house, next_save_at=await now(house))
    await house.until(lambda: saved_interim(house))
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    await house.called("remove_checkpoint")
    [checkpoint] = await house.rows(core.checkpoint)
    assert list(house.compute.saves) == [checkpoint["reference"]]


@pytest.mark.behaviour("B4")
@pytest.mark.parametrize(
    ("column", "reason", "code"),
    [("expires_at", "LIFESPAN_EXPIRED", "LIFESPAN_EXPIRED"), ("idle_stops_at", "IDLE", "IDLE_STOPPED")],
)
async def test_a_session_ends_with_its_own_reason(house: House, column: str, reason: str, code: str) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await change_session(house, **{column: await now(house)})
    row = await house.status(studio, "STOPPED")
    assert row["stop_reason"] == reason
    assert [found for found, _ in await reasons(house)] == [code]


@pytest.mark.behaviour("B57")
async def test_people_are_warned_once_before_the_lifespan_ends(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await change_session(house, expires_at=await now(house) + timedelta(minutes=5))
    await house.until(lambda: warned(house))
    await change_session(house)
    await house.called("observe", house.compute.calls.count("observe") + 1)
    assert [e["payload"]["code"] for e in await house.rows(core.event) if e["kind"] == "disruption.warning"] == ["LIFESPAN_EXPIRED"]


async def warned(house: House) -> bool:
    return any(e["kind"] == "disruption.warning" for e in await house.rows(core.event))


@pytest.mark.behaviour("B57")
async def test_a_stop_with_a_grace_comes_when_it_was_announced(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio, grace_seconds=600))
    assert (await house.row(studio))["status"] == "RUNNING"
    await change_session(house, stop_at=await now(house))
    row = await house.status(studio, "STOPPED")
    assert row["status_message"] == "Stopped by ada, as announced."


@pytest.mark.behaviour("B22")
async def test_what_a_deleted_studio_saved_is_removed(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    await house.studios.delete(house.world.viewer, StudioActionRequest(studio))
    await house.called("remove_checkpoint")
    assert house.compute.saves == {}


async def test_fifty_studios_go_on_side_by_side(house: House) -> None:
    studios = [await house.add(name=f"Studio {n}") for n in range(50)]
    for studio in studios:
        await house.status(studio, "RUNNING")
    for studio in studios:
        await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    for studio in studios:
        await house.status(studio, "STOPPED")
    assert house.compute.there == {}
