"""The sampler: what is measured is written at once for all, and an environment that hangs or breaks keeps nobody else from it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.compute.protocol import ComputeUnknown, Observation, Presence, Usage
from services.compute.registry import Computes
from services.controller.controller_services import ControllerServices
from services.controller.stats import stats_collection, stats_sampler
from services.controller.stats.stats_sampler import StatsSampler
from services.domain.session_name import SessionName
from services.domain.time_policy import TimePolicy
from services.secrets.secret_box import SecretBox
from services.store import stats
from services.store.db.database import Database, Wake
from services.store.stats import Measurement, RunningSession
from services.store.tables import core
from services.studios.requests import StopStudioRequest, StudioActionRequest
from tests import factories
from tests.controller.faulty_compute import FaultyCompute
from tests.controller.harness import ControllerHarness
from tests.factories import World
from tests.waiting import WAIT_LIMIT_S

pytestmark = pytest.mark.behaviour("B85")


class Counting(FaultyCompute):
    """Everything in it uses half a core, and everything is there."""

    async def stats(self, name: SessionName) -> Usage | None:
        await self._called("stats")
        self.usage = replace(self.usage, cpu_seconds=asyncio.get_running_loop().time() / 2)
        return self.usage


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any measurement may be followed by the next at once."""
    monkeypatch.setattr(stats_sampler, "MIN_SAMPLE_AGE", timedelta(0))
    monkeypatch.setattr(stats_sampler, "MIN_SPAN_SECONDS", 0.0)
    monkeypatch.setattr(stats_sampler, "ROUND_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(stats_collection, "MIN_MEASUREMENT_SECONDS", 0.0)


@pytest.fixture
async def world(database: Database) -> World:
    return await factories.create_world(database)


async def running(database: Database, world: World, count: int = 1) -> list[str]:
    """The Studios' ids."""
    made = []
    for _ in range(count):
        made.append(await factories.create_studio(database, world, status="RUNNING", session_number=1))
        await factories.create_session(database, world, made[-1])
    return made


def at_work(database: Database, world: World, compute_of: Callable[[str], FaultyCompute]) -> StatsSampler:
    computes = Computes(database, {"process": lambda environment: compute_of(environment.id)})
    return StatsSampler(ControllerServices(database, computes, TimePolicy(), SecretBox(SecretBox.new_key()), world.installation_id))


async def measured(database: Database) -> list[dict[str, Any]]:
    async with database.read() as reader:
        return [dict(row) for row in (await reader.execute(core.session_stats.select())).mappings()]


async def measured_studios(database: Database, ids: list[str]) -> set[str]:
    async with database.read() as reader:
        return set(await stats.of_studios(reader, ids))


async def test_the_processor_time_since_the_measurement_before_is_shown_in_cores(database: Database, world: World) -> None:
    await running(database, world)
    samples = at_work(database, world, lambda _: Counting())
    assert await samples.sample(), "the next round must come soon"
    assert await measured(database) == []
    assert not await samples.sample()
    (row,) = await measured(database)
    assert row["cpu"] == pytest.approx(0.5, abs=0.2)
    assert (row["memory_bytes"], row["network_sent_bytes"]) == (1000, None)


async def test_two_measurements_that_lie_too_close_are_not_compared(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(database, world)
    samples = at_work(database, world, lambda _: Counting())
    await samples.sample()
    monkeypatch.setattr(stats_sampler, "MIN_SPAN_SECONDS", 10.0)
    await samples.sample()
    assert await measured(database) == []
    monkeypatch.setattr(stats_sampler, "MIN_SPAN_SECONDS", 0.0)
    await samples.sample()
    assert len(await measured(database)) == 1


async def test_counters_that_went_back_begin_anew(database: Database, world: World) -> None:
    studio_id = (await running(database, world))[0]
    compute = FaultyCompute()
    samples = at_work(database, world, lambda _: compute)
    async with database.read() as reader:
        (session,) = await stats.running(reader)
    name = SessionName(world.installation_id, studio_id, session.public_id, 1)
    compute.observations[str(name)] = Observation(Presence.RUNNING)
    for seconds in (10.0, 1.0):
        compute.usage = Usage(seconds, 1000)
        await samples.sample()
    assert await measured(database) == []
    await samples.sample()
    assert [row["cpu"] for row in await measured(database)] == [0.0]


async def test_a_round_is_three_reads_and_one_write_for_any_number_of_environments_and_wakes_once(database: Database, world: World) -> None:
    samples = at_work(database, world, lambda _: Counting())
    counts = []
    for environments, sessions in ((1, 2), (4, 12)):
        for number in range(environments):
            added = await factories.create_compute_environment(database, world.workspace_id, f"Of {environments}: {number}")
            await running(database, replace(world, compute_environment_id=added), sessions)
        await samples.sample()
        wakes: list[Wake] = []
        forget = database.on_commit(wakes.extend)
        with database.count_statements() as counted:
            await samples.sample()
        forget()
        words = [text.split()[0] for text in counted.statements if "clock" not in text]
        counts.append((words.count("SELECT"), words.count("INSERT"), words.count("DELETE")))
        assert wakes == [Wake("stats", "")]
    assert counts == [(3, 1, 0), (3, 1, 0)]
    assert len(await measured(database)) == 50


async def test_nothing_is_written_where_nothing_runs(database: Database, world: World) -> None:
    commits: list[Wake] = []
    database.on_commit(commits.extend)
    await at_work(database, world, lambda _: Counting()).sample()
    assert commits == []


@pytest.mark.parametrize("fault", ["hangs", "does not answer", "breaks"])
async def test_an_environment_that_fails_keeps_nobody_else_from_being_measured(
    database: Database, world: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_collection, "MAX_CONCURRENT_MEASUREMENTS", 3)
    there = await factories.create_compute_environment(database, world.workspace_id, "There")
    good, bad = await running(database, world, 5), await running(database, replace(world, compute_environment_id=there), 9)
    faulty = {
        "hangs": Counting(hold={"stats": asyncio.Event()}),
        "does not answer": Counting(broken={"stats": ComputeUnknown("no answer")}),
        "breaks": Counting(broken={"stats": KeyError("a bug")}),
    }[fault]
    computes = {there: faulty, world.compute_environment_id: Counting()}
    samples = at_work(database, world, lambda environment: computes[environment])
    monkeypatch.setattr(stats_collection, "MEASUREMENT_TIMEOUT_SECONDS", 2 * WAIT_LIMIT_S)
    async with asyncio.timeout(WAIT_LIMIT_S):
        for _ in range(3):
            await samples.sample()
    assert await measured_studios(database, good + bad) == set(good)
    if fault == "hangs":
        assert faulty.calls == ["stats"] * 3, "it was asked again while it did not answer"
    await samples.close()


async def test_an_environment_that_answers_again_is_measured_again(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_collection, "MEASUREMENT_TIMEOUT_SECONDS", 0.1)
    compute = Counting(hold={"stats": asyncio.Event()})
    samples = at_work(database, world, lambda _: compute)
    ids = await running(database, world, 3)
    await samples.sample()
    compute.hold.clear()
    for _ in range(2):
        await samples.sample()
    assert await measured_studios(database, ids) == set(ids)


async def test_one_session_that_hangs_costs_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats_collection, "MAX_CONCURRENT_MEASUREMENTS", 2)
    monkeypatch.setattr(stats_collection, "MEASUREMENT_TIMEOUT_SECONDS", 0.2)
    sessions = [RunningSession(str(number), "s", "p", number, "e", None) for number in range(10)]
    measured_numbers = []

    async def ask(session: RunningSession) -> Usage | None:
        if session.number == 3:
            await asyncio.Event().wait()
        return Usage(1, 1)

    await stats_collection.measure(sessions, ask, lambda session, _: measured_numbers.append(session.number))
    assert sorted(measured_numbers) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


async def test_the_number_of_calls_a_second_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats_collection, "MAX_CONCURRENT_MEASUREMENTS", 2)
    monkeypatch.setattr(stats_collection, "MIN_MEASUREMENT_SECONDS", 0.1)
    sessions = [RunningSession(str(number), "s", "p", number, "e", None) for number in range(6)]
    began, at = asyncio.get_running_loop().time(), []

    async def ask(session: RunningSession) -> Usage | None:
        at.append(asyncio.get_running_loop().time() - began)
        return None

    await stats_collection.measure(sessions, ask, lambda *_: None)
    assert at[1] < 0.1 <= at[2]
    assert at[3] < 0.2 <= at[4]


async def test_what_another_controller_measured_just_now_is_left_to_it(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(database, world, 2)
    ours, theirs = Counting(), Counting()
    first, second = at_work(database, world, lambda _: ours), at_work(database, world, lambda _: theirs)
    for _ in range(2):
        await first.sample()
    monkeypatch.setattr(stats_sampler, "MIN_SAMPLE_AGE", timedelta(seconds=3))
    await second.sample()
    assert (len(ours.calls), len(theirs.calls)) == (4, 0)


async def test_a_session_that_ended_or_went_while_it_was_measured_is_left_out(database: Database, world: World) -> None:
    stays, stops, goes = await running(database, world, 3)
    async with database.read() as reader:
        sessions = await stats.running(reader)
    async with database.write() as transaction:
        await transaction.execute(core.studio.update().where(core.studio.c.id == stops).values(status="STOPPING"))
        await transaction.execute(core.session.delete().where(core.session.c.studio_id == goes))
        await transaction.execute(core.studio.delete().where(core.studio.c.id == goes))
    async with database.write() as transaction:
        await stats.write(transaction, [Measurement(s.id, transaction.now, 1.0, 1, None, None, None, None) for s in sessions])
    assert await measured_studios(database, [stays, stops, goes]) == {stays}
    assert len(await measured(database)) == 1


async def test_measurements_of_a_session_that_ended_are_removed(database: Database, world: World) -> None:
    (studio_id,) = await running(database, world)
    samples = at_work(database, world, lambda _: Counting())
    for _ in range(2):
        await samples.sample()
    async with database.write() as transaction:
        await transaction.execute(core.studio.update().where(core.studio.c.id == studio_id).values(status="STOPPED"))
    assert await measured_studios(database, [studio_id]) == set()
    await samples.sample()
    assert await measured(database) == []


async def test_a_studio_is_deleted_with_what_its_sessions_used(harness: ControllerHarness) -> None:
    studio_id = await harness.add()
    await harness.status(studio_id, "RUNNING")
    async with harness.database.write() as transaction:
        (session,) = await stats.running(transaction)
        await stats.write(transaction, [Measurement(session.id, transaction.now, 1.0, 1, None, None, None, None)])
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio_id))
    await harness.status(studio_id, "STOPPED")
    await harness.studios.delete(harness.world.viewer, StudioActionRequest(studio_id))
    assert await harness.rows(core.session_stats) == []


async def test_a_measurement_is_no_change_of_the_studio(database: Database, world: World) -> None:
    (studio_id,) = await running(database, world)
    samples = at_work(database, world, lambda _: Counting())
    for _ in range(3):
        await samples.sample()
    async with database.read() as reader:
        versions = (await reader.execute(select(core.studio.c.version, core.session.c.version).join(core.session))).one()
        heads = (await reader.execute(select(core.stream.c.head))).scalars().all()
    assert (tuple(versions), set(heads)) == ((1, 1), {0})
    assert await measured_studios(database, [studio_id]) == {studio_id}
