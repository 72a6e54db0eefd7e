"""Builds of images: a template's image is built before the first start, once for all Studios that wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import update

from services.controller.builds.builder import Builder
from services.domain.actor import Actor
from services.domain.errors import NotAllowedNow
from services.domain.time_policy import TimePolicy
from services.store import builds, compute_environments, outputs, templates
from services.store.db.database import DatabaseUnavailable, Transaction
from services.store.tables import core
from services.studios import image_builds
from services.studios.image_builds import BuiltImage, ImageBuilds
from services.studios.requests import StartStudioRequest, StopStudioRequest, StudioActionRequest
from tests.controller.harness import ControllerHarness

pytestmark = pytest.mark.behaviour("B8", "B84")


@pytest.fixture(autouse=True)
async def recipe(harness: ControllerHarness) -> None:
    """The world's template is built on the world's compute environment."""
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/tool:1", recipe="tool"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))


def hold(harness: ControllerHarness) -> asyncio.Event:
    """Builds wait for the event's being set."""
    event = harness.compute.hold["build"] = asyncio.Event()
    return event


def stores_output(transaction: Transaction) -> bool:
    """Returns whether the transaction stores a piece of output."""
    return any(wake.topic == "output" and wake.seq for wake in transaction.wakes)


async def log(harness: ControllerHarness) -> bytes:
    [build] = await harness.rows(core.build)
    async with harness.database.read() as reader:
        return (await outputs.read(reader, build["id"], 0, 1 << 20)).data


async def states(harness: ControllerHarness) -> list[str]:
    return [build["state"] for build in sorted(await harness.rows(core.build), key=lambda row: row["created_at"])]


async def passed(harness: ControllerHarness, studio_id: str) -> list[str]:
    """The statuses it entered."""
    events = sorted(await harness.rows(core.event), key=lambda row: row["seq"])
    return [e["payload"]["status"] for e in events if e["kind"] == "studio.status" and e["studio_id"] == studio_id]


async def step(harness: ControllerHarness, studio_id: str) -> dict[str, str]:
    operation_id = (await harness.row(studio_id))["operation_id"]
    [operation] = [row for row in await harness.rows(core.operation) if row["id"] == operation_id]
    step: dict[str, str] = operation["steps"][0]
    return step


async def test_the_first_start_builds_and_the_next_does_not(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    assert await passed(harness, studio) == ["BUILDING", "STARTING", "RUNNING"]
    assert await states(harness) == ["SUCCEEDED"]
    assert await log(harness) == b"Step 1/2 : FROM base\nStep 2/2 : RUN install\n"
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert (await passed(harness, studio))[-2:] == ["STARTING", "RUNNING"]
    assert harness.compute.calls.count("build") == 1


async def test_the_operations_deadline_is_that_of_what_it_is_at(harness: ControllerHarness) -> None:
    build, start = hold(harness), asyncio.Event()
    harness.compute.hold["image"] = start
    studio = await harness.add()
    for status, goes_on in (("BUILDING", build), ("STARTING", start)):
        row = await harness.status(studio, status)
        [operation] = await harness.rows(core.operation)
        assert operation["deadline"] == row["deadline"]
        goes_on.set()
    await harness.status(studio, "RUNNING")


async def test_the_progress_of_a_build_shows_as_a_step(harness: ControllerHarness) -> None:
    event = hold(harness)
    studio = await harness.add()

    async def is_reported() -> bool:
        return (await step(harness, studio))["message"] == "Step 2/2 : RUN install"

    await harness.until(is_reported)
    assert (await step(harness, studio))["state"] == "IN_PROGRESS"
    row = await harness.row(studio)
    assert (row["status"], row["status_message"]) == ("BUILDING", "The image is being built. The Studio starts by itself afterwards.")
    event.set()
    await harness.status(studio, "RUNNING")


async def test_all_who_wait_for_an_image_wait_for_one_build(harness: ControllerHarness) -> None:
    event = hold(harness)
    studios = [await harness.add(name=name) for name in ("One", "Two", "Three")]
    await harness.called("build")
    event.set()
    for studio in studios:
        await harness.status(studio, "RUNNING")
    assert harness.compute.calls.count("build") == 1


@pytest.mark.behaviour("B76")
async def test_a_failed_build_shows_its_reason_and_log_and_a_retry_starts_the_studio(harness: ControllerHarness) -> None:
    harness.compute.refuse_build = "The command 'install' returned 1."
    studio = await harness.add()
    row = await harness.status(studio, "BUILD_FAILED")
    assert row["stop_reason"] == "BUILD_FAILED"
    assert row["status_message"] == "The image studiograph/tool:1 could not be built: The command 'install' returned 1."
    assert (await step(harness, studio))["state"] == "ERRORED"
    assert b"RUN install" in await log(harness)
    assert row["build_id"] is not None
    [session] = await harness.rows(core.session)
    assert (session["saved"], session["stop_reason"]) == (True, "BUILD_FAILED")

    harness.compute.refuse_build = None
    await harness.studios.retry_build(harness.world.viewer, StudioActionRequest(studio))
    await harness.status(studio, "RUNNING")
    assert await states(harness) == ["FAILED", "SUCCEEDED"]
    with pytest.raises(NotAllowedNow, match="has not failed"):
        await harness.studios.retry_build(harness.world.viewer, StudioActionRequest(studio))


async def test_a_failed_one_starts_when_another_has_built_the_image(harness: ControllerHarness) -> None:
    harness.compute.refuse_build = "No."
    first = await harness.add(name="First")
    await harness.status(first, "BUILD_FAILED")
    harness.compute.refuse_build = None
    await harness.status(await harness.add(name="Second"), "RUNNING")
    await harness.studios.start(harness.world.viewer, StartStudioRequest(first))
    await harness.status(first, "RUNNING")
    assert harness.compute.calls.count("build") == 2


async def test_a_stop_cancels_the_build_that_nobody_else_waits_for(harness: ControllerHarness) -> None:
    hold(harness)
    one, two = await harness.add(name="One"), await harness.add(name="Two")
    await harness.called("build")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(one))
    row = await harness.status(one, "STOPPED")
    assert (row["status_message"], row["stop_reason"]) == ("The build was cancelled by ada.", "USER_REQUEST")
    assert await states(harness) == ["RUNNING"]
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(two))
    await harness.status(two, "STOPPED")
    assert await states(harness) == ["CANCELLED"]
    assert {o["state"] for o in await harness.rows(core.operation)} == {"CANCELLED"}

    del harness.compute.hold["build"]
    await harness.studios.start(harness.world.viewer, StartStudioRequest(one))
    await harness.status(one, "RUNNING")


async def test_a_build_that_the_system_asked_for_goes_on_without_anybody(harness: ControllerHarness) -> None:
    event = hold(harness)
    async with harness.database.write() as transaction:
        template = await templates.find(transaction, harness.world.template_id)
        environment = await compute_environments.find(transaction, harness.world.compute_environment_id)
        assert template
        assert environment
        await ImageBuilds(TimePolicy()).ensure(transaction, Actor.system("demo"), BuiltImage.of_template(template), environment)
    studio = await harness.add()
    await harness.called("build")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    event.set()

    async def built() -> bool:
        return await states(harness) == ["SUCCEEDED"]

    await harness.until(built)


async def test_a_build_that_a_crash_cut_off_is_begun_again(harness: ControllerHarness) -> None:
    hold(harness)
    studio = await harness.add()

    async def printed() -> bool:
        return bool(await harness.rows(core.output_piece))

    await harness.until(printed)
    await harness.crash()
    del harness.compute.hold["build"]
    async with harness.database.write() as transaction:  # as if the dead one's lease had run out
        await transaction.execute(update(core.build).values(lease_until=None))
    await harness.start()
    await harness.status(studio, "RUNNING")
    assert harness.compute.calls.count("build") == 2
    assert b"begins again" in await log(harness)


async def test_an_engine_that_says_nothing_is_waited_for(harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.controller.builds.builder.RETRY_SECONDS", 0.1)
    harness.compute.silent = True
    studio = await harness.add()

    async def is_reported() -> bool:
        return "does not answer" in ((await step(harness, studio))["message"] or "")

    await harness.until(is_reported)
    assert (await harness.row(studio))["status"] == "BUILDING"
    harness.compute.silent = False
    await harness.status(studio, "RUNNING")


async def test_a_build_that_takes_too_long_fails(harness: ControllerHarness) -> None:
    hold(harness)
    studio = await harness.add()
    await harness.called("build")
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.studio).values(deadline=transaction.now, due_at=transaction.now))
        transaction.wake("studio", studio)
    row = await harness.status(studio, "BUILD_FAILED")
    assert "could not be built within 60 min" in row["status_message"]
    assert await states(harness) == ["CANCELLED"]


async def test_an_image_that_is_gone_is_built_again_by_the_next_start(harness: ControllerHarness) -> None:
    await harness.status(await harness.add(name="First"), "RUNNING")
    harness.compute.no_image = True
    studio = await harness.add(name="Second")
    row = await harness.status(studio, "ERRORED")
    assert row["status_message"].endswith("Start the Studio again to build it anew.")
    harness.compute.no_image = False
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert (await passed(harness, studio))[-3:] == ["BUILDING", "STARTING", "RUNNING"]


async def test_a_studio_that_is_only_added_builds_nothing(harness: ControllerHarness) -> None:
    studio = await harness.add(auto_start=False)
    assert (await harness.row(studio))["status"] == "STOPPED"
    assert await harness.rows(core.build) == []
    async with harness.database.read() as reader:
        assert await builds.latest(reader, harness.world.compute_environment_id, "studiograph/tool:1") is None


async def test_a_build_that_ends_while_its_output_is_written_down_is_done(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    event, write = hold(harness), harness.database.write

    @asynccontextmanager
    async def slowly(**options: Any) -> AsyncIterator[Transaction]:
        async with write(**options) as transaction:
            yield transaction
        if stores_output(transaction):
            event.set()
            for _ in range(100):
                await asyncio.sleep(0)

    monkeypatch.setattr(harness.database, "write", slowly)
    await harness.status(await harness.add(), "RUNNING")
    assert "failed in the server" not in caplog.text
    assert harness.compute.calls.count("build") == 1
    assert await log(harness) == b"Step 1/2 : FROM base\nStep 2/2 : RUN install\n"


async def test_a_database_that_is_away_for_a_moment_costs_a_build_nothing(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, write = hold(harness), harness.database.write

    @asynccontextmanager
    async def away_once(**options: Any) -> AsyncIterator[Transaction]:
        async with write(**options) as transaction:
            yield transaction
            if stores_output(transaction) and not event.is_set():
                event.set()
                raise DatabaseUnavailable("away")

    monkeypatch.setattr(harness.database, "write", away_once)
    await harness.status(await harness.add(), "RUNNING")
    assert harness.compute.calls.count("build") == 1
    assert await log(harness) == b"Step 1/2 : FROM base\nStep 2/2 : RUN install\n"


async def test_a_stop_and_the_end_of_the_build_do_not_wait_for_each_other(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Both write the same rows: in one order, or PostgreSQL ends one of the two."""
    event, ended = hold(harness), asyncio.Event()
    release, end = image_builds.release, builds.end

    async def ending(*args: Any) -> bool:
        result = await end(*args)
        ended.set()
        return result

    async def releasing(*args: Any) -> None:
        event.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1)
        await release(*args)

    studio = await harness.add()
    await harness.called("build")
    monkeypatch.setattr(builds, "end", ending)
    monkeypatch.setattr(image_builds, "release", releasing)
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    assert (await harness.row(studio))["status"] == "STOPPED"
    assert "failed in the server" not in caplog.text
    assert await states(harness) == ["CANCELLED"]


async def test_two_controllers_do_a_build_once(harness: ControllerHarness) -> None:
    event = hold(harness)
    if harness.database.dialect == "postgresql":  # of SQLite there is one process
        harness.running.append(Builder(harness.services, harness.wakeups))
        await harness.running[-1].start()
    studios = [await harness.add(name=name) for name in ("One", "Two")]
    await harness.called("build")
    event.set()
    for studio in studios:
        await harness.status(studio, "RUNNING")
    assert harness.compute.calls.count("build") == 1
    assert await states(harness) == ["SUCCEEDED"]
