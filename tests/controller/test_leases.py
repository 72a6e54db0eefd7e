"""Leases: no two controllers work on a Studio, whatever the database, the clock or another compute environment does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.checkpoints.saves import SaveKind
from services.compute.registry import Computes
from services.controller import controller
from services.controller.controller import Controller
from services.controller.lifecycle.claimed_studio import ClaimedStudio, LeaseLost
from services.controller.lifecycle.session_save import save_session
from services.domain.statuses import StudioStatus
from services.domain.time_policy import TimePolicy
from services.runtime import metrics
from services.store import leases, sessions
from services.store.db.database import DatabaseUnavailable, Reader, Wake
from services.store.leases import Lease
from services.store.tables import core
from services.studios.requests import StopStudioRequest
from tests import factories
from tests.controller.faulty_compute import FaultyCompute
from tests.controller.harness import ControllerHarness
from tests.waiting import WAIT_LIMIT_S, promised

MANY_SERVERS = pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
SHORT = TimePolicy(lease_duration=timedelta(seconds=0.6), observe_interval=timedelta(seconds=5))


@pytest.mark.parametrize("policy", [SHORT], ids=["short lease"])
@pytest.mark.parametrize("trouble", [DatabaseUnavailable("gone"), RuntimeError("a bug")], ids=["gone", "a bug"])
async def test_a_step_outlives_a_database_that_is_gone_for_longer_than_its_lease(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    harness.compute.hold["image"] = asyncio.Event()
    tries: asyncio.Queue[None] = asyncio.Queue()

    async def refuse(*_: Any) -> bool:
        tries.put_nowait(None)
        raise trouble

    with monkeypatch.context() as outage:
        outage.setattr(leases, "renew", refuse)
        studio = await harness.add()
        await harness.called("image")
        async with asyncio.timeout(WAIT_LIMIT_S):
            for _ in range(5):
                await tries.get()
    harness.compute.hold["image"].set()
    await harness.status(studio, "RUNNING")
    assert harness.compute.calls.count("image") == 1


@asynccontextmanager
async def second(harness: ControllerHarness) -> AsyncIterator[Controller]:
    """Another server on the same database."""
    other = Controller(harness.services, harness.wakeups)
    await other.start()
    try:
        yield other
    finally:
        await other.close()


@MANY_SERVERS
@pytest.mark.behaviour("B12")
async def test_two_servers_on_one_database_do_each_step_once(harness: ControllerHarness) -> None:
    async with second(harness):
        studios = [await harness.add(name=f"Studio {n}") for n in range(8)]
        for studio in studios:
            await harness.status(studio, "RUNNING")
        for studio in studios:
            await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
        for studio in studios:
            await harness.status(studio, "STOPPED")
    assert {call: harness.compute.calls.count(call) for call in ("session", "stop", "save", "remove")} == dict.fromkeys(
        ("session", "stop", "save", "remove"), 8
    )


@MANY_SERVERS
async def test_a_studio_is_not_taken_over_while_a_result_is_being_written(harness: ControllerHarness) -> None:
    await harness.crash()
    studio = await harness.add()
    async with harness.database.write() as transaction:
        [lease] = await leases.claim(transaction, "one", timedelta(0), 1)
    async with harness.database.read() as reader:
        session = await sessions.find(reader, studio, 1)
    assert session is not None
    async with ClaimedStudio(harness.services, lease, session).result(StudioStatus.STARTING), harness.database.write() as other:
        assert await leases.claim(other, "other", timedelta(0), 1) == []
    async with harness.database.write() as other:
        assert [taken.studio.id for taken in await leases.claim(other, "other", timedelta(0), 1)] == [studio]


@pytest.mark.behaviour("B31")
async def test_a_controller_that_lost_the_lease_saves_no_more_and_so_removes_no_save_of_its_successor(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.crash()
    async with harness.database.write() as transaction:
        await transaction.execute(core.studio.update().values(due_at=transaction.now))
        [lease] = await leases.claim(transaction, "one", timedelta(0), 1)
        session = await sessions.find(transaction, studio, 1)
    assert session is not None
    await save_session(ClaimedStudio(harness.services, lease, session), session, SaveKind.PERIODIC)
    async with harness.database.write() as transaction:
        await leases.break_lease(transaction, studio)
    with pytest.raises(LeaseLost):
        await save_session(ClaimedStudio(harness.services, lease, session), session, SaveKind.PERIODIC)
    assert harness.compute.calls.count("interim") == 1


@MANY_SERVERS
@pytest.mark.parametrize("policy", [SHORT], ids=["short lease"])
async def test_another_server_continues_where_one_lost_its_lease(harness: ControllerHarness) -> None:
    losses = lease_losses()
    harness.compute.hold["image"] = asyncio.Event()
    studio = await harness.add()
    await harness.called("image")
    async with harness.database.write() as transaction:
        raised: Any = core.studio.c.lease_epoch + 1
        late = transaction.now - timedelta(seconds=1)
        await transaction.execute(core.studio.update().values(lease_epoch=raised, lease_until=late, due_at=late))
    async with second(harness):
        await harness.called("image", 2)
        harness.compute.hold["image"].set()
        await harness.status(studio, "RUNNING")
    assert len(harness.compute.specs) == 1
    assert lease_losses() > losses


def lease_losses() -> float:
    """The number that `/metrics` shows of this process."""
    text = b"".join(metrics.exposition()).decode()
    return float(text.partition('studiograph_lease_losses_total{kind="studio"} ')[2].partition("\n")[0])


async def test_a_compute_environment_that_hangs_leaves_room_for_the_others(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MAX_CONCURRENT_STEPS", 4), ("MAX_CONCURRENT_STEPS_PER_ENVIRONMENT", 3), ("MAX_CLAIMED_AT_ONCE", 1)):
        monkeypatch.setattr(controller, name, value)
    elsewhere = await factories.create_compute_environment(harness.database, harness.world.workspace_id, "There")
    good = harness.compute
    hanging = FaultyCompute(engine=good.engine, hold={"image": asyncio.Event()})
    here = harness.world.compute_environment_id
    await harness.crash()
    computes = Computes(harness.database, {"process": lambda environment: hanging if environment.id == here else good})
    object.__setattr__(harness.services, "computes", computes)
    await harness.start()
    for n in range(6):
        await harness.add(name=f"Hangs {n}", compute_environment_id=here)
    harness.compute = hanging
    await harness.called("image", 3)
    harness.compute = good
    studio = await harness.add(compute_environment_id=elsewhere)
    await harness.status(studio, "RUNNING")
    assert hanging.calls.count("image") == 3


async def test_a_controller_closes_in_time_though_its_database_is_gone(harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.compute.hold["image"] = asyncio.Event()
    await harness.add()
    await harness.called("image")

    async def refuse(*_: Any) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(leases, "release_owned", refuse)
    async with asyncio.timeout(promised(5)):
        await harness.crash()


async def test_a_wake_that_comes_before_work_has_begun_loses_nothing(harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, read = leases.claim, harness.database.read
    running: set[str] = set()
    hasty: list[str] = []

    async def noting(*args: Any) -> list[Lease]:
        claimed = await claim(*args)
        running.update(lease.studio.id for lease in claimed if lease.studio.status is StudioStatus.RUNNING)
        return claimed

    def woken_first() -> AbstractAsyncContextManager[Reader]:
        """The controller reads as soon as it has made the tasks of what it claimed, before any of them has begun."""
        if not hasty:
            hasty.extend(harness.controller.active_studios & running)
            for studio in hasty:
                harness.controller_wakes.deliver(Wake("studio", studio))
        return read()

    monkeypatch.setattr(leases, "claim", noting)
    monkeypatch.setattr(harness.database, "read", woken_first)
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.end(await harness.name(studio), 0)
    await harness.status(studio, "STOPPED")
    assert hasty == [studio]


@pytest.mark.parametrize("policy", [SHORT], ids=["short lease"])
async def test_a_database_that_is_gone_in_the_middle_of_steps_is_waited_for(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "BUG_BACKOFF_S", 0.1)
    harness.compute.hold["session"] = asyncio.Event()
    studio = await harness.add()
    await harness.called("session")
    refused: asyncio.Queue[None] = asyncio.Queue()

    @asynccontextmanager
    async def gone(**_: Any) -> AsyncIterator[Any]:
        refused.put_nowait(None)
        raise DatabaseUnavailable("gone")
        yield

    with monkeypatch.context() as outage:
        outage.setattr(harness.database, "write", gone)
        harness.compute.hold["session"].set()
        async with asyncio.timeout(WAIT_LIMIT_S):
            for _ in range(6):
                await refused.get()
    await harness.status(studio, "RUNNING")
    assert len(harness.compute.specs) == 1
