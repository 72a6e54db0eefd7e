"""Controllers that reach another engine than the one that holds the sessions, or none of the kind: nothing is lost, and it is told."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.commands import CommandRunner
from services.compute.docker import DockerCompute
from services.compute.process import ProcessCompute
from services.compute.protocol import Change, Compute
from services.compute.registry import Computes
from services.compute_environments.commands import ComputeEnvironments
from services.controller.controller import Controller
from services.controller.lifecycle.environment_observer import EnvironmentObserver
from services.controller.logs.log_collector import LogCollector
from services.controller.maintenance.resource_cleaner import ResourceCleaner
from services.domain.access import Operator
from services.store.tables import core
from services.studios.requests import StopStudioRequest
from tests import factories
from tests.controller.faulty_compute import FaultyCompute
from tests.controller.harness import ControllerHarness, mark_all_due
from tests.docker.second_engine import second_engine
from tests.waiting import eventually

ADOPT = "studiograph compute adopt"


@asynccontextmanager
async def another_controller(harness: ControllerHarness, computes: Mapping[str, Compute]) -> AsyncIterator[None]:
    """A controller of another machine, which reaches these engines, by kind."""
    factories_by_kind = {kind: lambda _, compute=compute: compute for kind, compute in computes.items()}
    services = replace(harness.services, computes=Computes(harness.database, factories_by_kind))
    parts: list[Any] = [
        Controller(services, harness.wakeups),
        ResourceCleaner(services),
        EnvironmentObserver(services),
        LogCollector(services, harness.wakeups),
    ]
    for part in parts:
        await part.start()
    try:
        yield
    finally:
        for part in reversed(parts):
            await part.close()
        await services.computes.close()


@asynccontextmanager
async def other_engine(kind: str, tmp_path: Path, installation: str, environment_id: str) -> AsyncIterator[dict[str, Compute]]:
    if kind == "directory":
        yield {"process": ProcessCompute(tmp_path, installation)}
    elif kind == "dockerd":
        async with second_engine(Path(tempfile.mkdtemp(prefix="sgt-")), live_restore=False) as engine:
            yield {"process": DockerCompute(engine.url, installation, environment_id)}
    else:
        yield {}


async def message(harness: ControllerHarness) -> str:
    [row] = [row for row in await harness.rows(core.compute_environment) if row["id"] == harness.world.compute_environment_id]
    return row["message"] or ""


async def status(harness: ControllerHarness, studio: str) -> str:
    return str((await harness.row(studio))["status"])


@pytest.mark.parametrize("other", ["directory", pytest.param("dockerd", marks=pytest.mark.docker), "kind not served"])
async def test_a_controller_that_does_not_reach_the_engine_leaves_its_studios_alone(
    harness: ControllerHarness, tmp_path: Path, other: str
) -> None:
    world = harness.world
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    await harness.crash()
    elsewhere = await factories.create_compute_environment(harness.database, world.workspace_id, "Elsewhere", kind="docker")
    async with (
        other_engine(other, tmp_path, world.installation_id, world.compute_environment_id) as engines,
        another_controller(harness, {**engines, "docker": FaultyCompute()}),
    ):
        if engines:
            await eventually(lambda: contains(harness, ADOPT))
        await mark_all_due(harness)
        await harness.status(await harness.add(name="First", compute_environment_id=elsewhere), "RUNNING")
        assert await status(harness, studio) == "RUNNING"
        await harness.studios.stop(world.viewer, StopStudioRequest(studio))
        await harness.status(await harness.add(name="Second", compute_environment_id=elsewhere), "RUNNING")
        assert await status(harness, studio) == "STOPPING"
        await harness.start()
        assert (await harness.status(studio, "STOPPED"))["stop_reason"] == "USER_REQUEST"
    [saved] = [row for row in await harness.rows(core.checkpoint) if row["studio_id"] == studio]
    assert (saved["status"], saved["reference"] in harness.compute.saves) == ("FINALIZED", True)


async def contains(harness: ControllerHarness, text: str) -> bool:
    return text in await message(harness)


async def test_an_engine_that_was_replaced_is_unknown_until_it_is_adopted(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    engine, observations = harness.compute.engine, harness.compute.observations
    harness.compute.engine, harness.compute.observations = None, {}
    harness.compute.changes.put_nowait(Change(None, "overflow"))
    await eventually(lambda: contains(harness, f"it has no id, not {engine}"))
    assert await status(harness, studio) == "RUNNING"
    harness.compute.engine, harness.compute.observations = engine, observations
    await eventually(lambda: contains_nothing(harness))
    assert await status(harness, studio) == "RUNNING"
    harness.compute.engine, harness.compute.observations = "another", {}
    harness.compute.changes.put_nowait(Change(None, "overflow"))
    await eventually(lambda: contains(harness, "it has the id another"))
    commands = ComputeEnvironments(CommandRunner(harness.database))
    environment = await commands.find(harness.world.workspace_id, "Here")
    await commands.adopt_engine(Operator(), environment, "another")
    assert (await harness.status(studio, "ERRORED"))["stop_reason"] == "COMPUTE_ENV_LOST"


async def contains_nothing(harness: ControllerHarness) -> bool:
    return await message(harness) == ""


async def test_what_is_to_be_removed_waits_for_the_engine_that_has_it(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.refuse_removal = True
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    await harness.crash()
    async with another_controller(harness, {"process": FaultyCompute(engine="another")}):
        await eventually(lambda: contains(harness, ADOPT))
        async with harness.database.write() as transaction:
            await transaction.execute(core.session_cleanup.update().values(due_at=transaction.now))
    assert len(await harness.rows(core.session_cleanup)) == 1
    harness.compute.refuse_removal = False
    await harness.start()

    async def removed() -> bool:
        return await harness.rows(core.session_cleanup) == []

    await harness.until(removed)
    assert harness.compute.observations == {}
