"""A template with a recipe: its image is built first, once for all who wait, and a Studio says so."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import update

from services.controller.builds.builder import Builder
from services.domain.actor import Actor
from services.domain.errors import NotAllowedNow
from services.domain.policy import Policy
from services.store import builds, compute_environments, outputs
from services.store.db.database import Database, DatabaseUnavailable
from services.store.tables import core
from services.studios import building
from services.studios.building import Images
from services.studios.inputs import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.conftest import House

pytestmark = pytest.mark.behaviour("B8", "B84")


@pytest.fixture(autouse=True)
async def recipe(house: House) -> None:
    """The world's template is built on the world's compute environment."""
    async with house.database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/tool:1", recipe="tool"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))


def hold(house: House) -> asyncio.Event:
    """Builds wait for the event's being set."""
    event = house.compute.hold["build"] = asyncio.Event()
    return event


async def log(house: House) -> bytes:
    [build] = await house.rows(core.build)
    async with house.database.read() as reader:
        return (await outputs.read(reader, build["id"], 0, 1 << 20)).data


async def states(house: House) -> list[str]:
    return [build["state"] for build in sorted(await house.rows(core.build), key=lambda row: row["created_at"])]


async def passed(house: House, studio_id: str) -> list[str]:
    """The statuses it entered."""
    events = sorted(await house.rows(core.event), key=lambda row: row["seq"])
    return [e["payload"]["status"] for e in events if e["kind"] == "studio.status" and e["studio_id"] == studio_id]


async def step(house: House, studio_id: str) -> dict[str, str]:
    operation_id = (await house.row(studio_id))["operation_id"]
    [operation] = [row for row in await house.rows(core.operation) if row["id"] == operation_id]
    found: dict[str, str] = operation["steps"][0]
    return found


async def test_the_first_start_builds_and_the_next_does_not(house: House) -> None:
    studio = await house.add()
    await house.status(studio, "RUNNING")
    assert await passed(house, studio) == ["BUILDING", "STARTING", "RUNNING"]
    assert await states(house) == ["SUCCEEDED"]
    assert await log(house) == b"Step 1/2 : FROM base\nStep 2/2 : RUN install\n"
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    assert (await passed(house, studio))[-2:] == ["STARTING", "RUNNING"]
    assert house.compute.calls.count("build") == 1


async def test_the_operations_deadline_is_that_of_what_it_is_at(house: House) -> None:
    build, start = hold(house), asyncio.Event()
    house.compute.hold["image"] = start
    studio = await house.add()
    for status, goes_on in (("BUILDING", build), ("STARTING", start)):
        row = await house.status(studio, status)
        [operation] = await house.rows(core.operation)
        assert operation["deadline"] == row["deadline"]
        goes_on.set()
    await house.status(studio, "RUNNING")


async def test_how_far_it_is_shows_as_a_step(house: House) -> None:
    event = hold(house)
    studio = await house.add()

    async def told() -> bool:
        return (await step(house, studio))["message"] == "Step 2/2 : RUN install"

    await house.until(told)
    assert (await step(house, studio))["state"] == "IN_PROGRESS"
    row = await house.row(studio)
    assert (row["status"], row["status_message"]) == ("BUILDING", "Its image is being built; it starts by itself afterwards.")
    event.set()
    await house.status(studio, "RUNNING")


async def test_all_who_wait_for_an_image_wait_for_one_build(house: House) -> None:
    event = hold(house)
    studios = [await house.add(name=name) for name in ("One", "Two", "Three")]
    await house.called("build")
    event.set()
    for studio in studios:
        await house.status(studio, "RUNNING")
    assert house.compute.calls.count("build") == 1


@pytest.mark.behaviour("B76")
async def test_a_failure_is_told_and_kept_and_a_retry_starts_it(house: House) -> None:
    house.compute.refuse_build = "The command 'install' returned 1."
    studio = await house.add()
    row = await house.status(studio, "BUILD_FAILED")
    assert row["stop_reason"] == "BUILD_FAILED"
    assert row["status_message"] == "The image studiograph/tool:1 could not be built: The command 'install' returned 1."
    assert (await step(house, studio))["state"] == "ERRORED"
    assert b"RUN install" in await log(house)
    assert row["build_id"] is not None
    [session] = await house.rows(core.session)
    assert (session["saved"], session["stop_reason"]) == (True, "BUILD_FAILED")

    house.compute.refuse_build = None
    await house.studios.retry_build(house.world.viewer, StudioActionRequest(studio))
    await house.status(studio, "RUNNING")
    assert await states(house) == ["FAILED", "SUCCEEDED"]
    with pytest.raises(NotAllowedNow, match="No build of it has failed"):
        await house.studios.retry_build(house.world.viewer, StudioActionRequest(studio))


async def test_a_failed_one_starts_when_another_has_built_the_image(house: House) -> None:
    house.compute.refuse_build = "No."
    first = await house.add(name="First")
    await house.status(first, "BUILD_FAILED")
    house.compute.refuse_build = None
    await house.status(await house.add(name="Second"), "RUNNING")
    await house.studios.start(house.world.viewer, StartStudioRequest(first))
    await house.status(first, "RUNNING")
    assert house.compute.calls.count("build") == 2


async def test_a_stop_cancels_the_build_that_nobody_else_waits_for(house: House) -> None:
    hold(house)
    one, two = await house.add(name="One"), await house.add(name="Two")
    await house.called("build")
    await house.studios.stop(house.world.viewer, StopStudioRequest(one))
    row = await house.status(one, "STOPPED")
    assert (row["status_message"], row["stop_reason"]) == ("The build was cancelled by ada.", "USER_REQUEST")
    assert await states(house) == ["RUNNING"]
    await house.studios.stop(house.world.viewer, StopStudioRequest(two))
    await house.status(two, "STOPPED")
    assert await states(house) == ["CANCELLED"]
    assert {o["state"] for o in await house.rows(core.operation)} == {"CANCELLED"}

    del house.compute.hold["build"]
    await house.studios.start(house.world.viewer, StartStudioRequest(one))
    await house.status(one, "RUNNING")


async def test_a_build_that_the_system_asked_for_goes_on_without_anybody(house: House) -> None:
    event = hold(house)
    async with house.database.write() as transaction:
        template = await compute_environments.template(transaction, house.world.template_id)
        environment = await compute_environments.find(transaction, house.world.compute_environment_id)
        assert template
        assert environment
        await Images(Policy()).awaited(transaction, Actor.system("demo"), template, environment)
    studio = await house.add()
    await house.called("build")
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    await house.status(studio, "STOPPED")
    event.set()

    async def built() -> bool:
        return await states(house) == ["SUCCEEDED"]

    await house.until(built)


async def test_a_build_that_a_crash_cut_off_is_begun_again(house: House) -> None:
    hold(house)
    studio = await house.add()

    async def printed() -> bool:
        return bool(await house.rows(core.output_piece))

    await house.until(printed)
    await house.crash()
    del house.compute.hold["build"]
    async with house.database.write() as transaction:  # as if the dead one's lease had run out
        await transaction.execute(update(core.build).values(lease_until=None))
    await house.start()
    await house.status(studio, "RUNNING")
    assert house.compute.calls.count("build") == 2
    assert b"begins again" in await log(house)


async def test_an_engine_that_says_nothing_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.controller.builds.builder.RETRY_SECONDS", 0.1)
    house.compute.silent = True
    studio = await house.add()

    async def told() -> bool:
        return "does not answer" in ((await step(house, studio))["message"] or "")

    await house.until(told)
    assert (await house.row(studio))["status"] == "BUILDING"
    house.compute.silent = False
    await house.status(studio, "RUNNING")


async def test_a_build_that_takes_too_long_fails(house: House) -> None:
    hold(house)
    studio = await house.add()
    await house.called("build")
    async with house.database.write() as transaction:
        await transaction.execute(update(core.studio).values(deadline=transaction.now, due_at=transaction.now))
        transaction.wake("studio", studio)
    row = await house.status(studio, "BUILD_FAILED")
    assert "could not be built within 60 min" in row["status_message"]
    assert await states(house) == ["CANCELLED"]


async def test_an_image_that_is_gone_is_built_anew_by_the_next_start(house: House) -> None:
    await house.status(await house.add(name="First"), "RUNNING")
    house.compute.no_image = True
    studio = await house.add(name="Second")
    row = await house.status(studio, "ERRORED")
    assert row["status_message"].endswith("Start the Studio again: it is built anew.")
    house.compute.no_image = False
    await house.studios.start(house.world.viewer, StartStudioRequest(studio))
    await house.status(studio, "RUNNING")
    assert (await passed(house, studio))[-3:] == ["BUILDING", "STARTING", "RUNNING"]


async def test_a_studio_that_is_only_added_builds_nothing(house: House) -> None:
    studio = await house.add(auto_start=False)
    assert (await house.row(studio))["status"] == "STOPPED"
    assert await house.rows(core.build) == []
    async with house.database.read() as reader:
        assert await builds.latest(reader, house.world.compute_environment_id, "studiograph/tool:1") is None


async def test_a_build_that_ends_while_its_output_is_written_down_is_done(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    event, commit = hold(house), Database._commit

    async def slowly(self: Database, begun: Any, transaction: Any) -> None:
        await commit(self, begun, transaction)
        if any(wake.topic == "output" and wake.seq for wake in transaction.wakes):
            event.set()
            for _ in range(100):
                await asyncio.sleep(0)

    monkeypatch.setattr(Database, "_commit", slowly)
    await house.status(await house.add(), "RUNNING")
    assert "failed in the server" not in caplog.text
    assert house.compute.calls.count("build") == 1
    assert await log(house) == b"Step 1/2 : FROM base\nStep 2/2 : RUN install\n"


async def test_a_database_that_is_away_for_a_moment_costs_a_build_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    event, commit = hold(house), Database._commit

    async def once(self: Database, begun: Any, transaction: Any) -> None:
        if any(wake.topic == "output" and wake.seq for wake in transaction.wakes):
            monkeypatch.setattr(Database, "_commit", commit)
            event.set()
            raise DatabaseUnavailable("away")
        await commit(self, begun, transaction)

    monkeypatch.setattr(Database, "_commit", once)
    await house.status(await house.add(), "RUNNING")
    assert house.compute.calls.count("build") == 1
    assert await log(house) == b"Step 1/2 : FROM base\nStep 2/2 : RUN install\n"


async def test_a_stop_and_the_end_of_the_build_do_not_wait_for_each_other(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Both write the same rows: in one order, or PostgreSQL ends one of the two."""
    event, ended = hold(house), asyncio.Event()
    release, end = building.release, builds.end

    async def ending(*given: Any) -> bool:
        found = await end(*given)
        ended.set()
        return found

    async def releasing(*given: Any) -> None:
        event.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1)
        await release(*given)

    studio = await house.add()
    await house.called("build")
    monkeypatch.setattr(builds, "end", ending)
    monkeypatch.setattr(building, "release", releasing)
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio))
    assert (await house.row(studio))["status"] == "STOPPED"
    assert "failed in the server" not in caplog.text
    assert await states(house) == ["CANCELLED"]


async def test_two_controllers_do_a_build_once(house: House) -> None:
    event = hold(house)
    if house.database.dialect == "postgresql":  # of SQLite there is one process
        house.running.append(Builder(house.tools, house.wakeups))
        await house.running[-1].start()
    studios = [await house.add(name=name) for name in ("One", "Two")]
    await house.called("build")
    event.set()
    for studio in studios:
        await house.status(studio, "RUNNING")
    assert house.compute.calls.count("build") == 1
    assert await states(house) == ["SUCCEEDED"]
