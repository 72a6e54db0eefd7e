"""Two people who act at once: every pair of commands, on a Studio that has ended and on one that runs, ends in one stable state."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import combinations_with_replacement

import pytest
from sqlalchemy import update

from services.domain.errors import DomainError
from services.store.tables import core
from services.studios.requests import (
    Configuration,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    StudioOutcome,
    UpdateStudioRequest,
)
from tests import factories
from tests.controller.harness import ControllerHarness, no_cleanup_left

Command = Callable[[ControllerHarness, str], Awaitable[StudioOutcome]]

COMMANDS: dict[str, Command] = {
    "start": lambda harness, studio: harness.studios.start(harness.world.viewer, StartStudioRequest(studio)),
    "start otherwise": lambda harness, studio: harness.studios.start(
        harness.world.viewer, StartStudioRequest(studio, Configuration(cpu=1), save=True)
    ),
    "stop": lambda harness, studio: harness.studios.stop(harness.world.viewer, StopStudioRequest(studio)),
    "stop later": lambda harness, studio: harness.studios.stop(harness.world.viewer, StopStudioRequest(studio, grace_seconds=1)),
    "edit": lambda harness, studio: harness.studios.update(
        harness.world.viewer, UpdateStudioRequest(studio, description="new", expected_revision=1)
    ),
    "delete": lambda harness, studio: harness.studios.delete(harness.world.viewer, StudioActionRequest(studio, idempotency_key=studio)),
}


async def act(harness: ControllerHarness, studio: str, command: Command) -> None:
    """It works or is refused with an error of the domain; anything else is a mistake of ours."""
    with suppress(DomainError):
        await command(harness, studio)


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize("begins", ["STOPPED", "RUNNING"])
async def test_every_pair_of_commands_at_once_ends_well(harness: ControllerHarness, begins: str) -> None:
    pairs = list(combinations_with_replacement(COMMANDS, 2))
    studios = [await factories.create_studio(harness.database, harness.world, f"{one} and {other}") for one, other in pairs]
    if begins == "RUNNING":
        await asyncio.gather(*(harness.studios.start(harness.world.viewer, StartStudioRequest(studio)) for studio in studios))
        for studio in studios:
            await harness.status(studio, "RUNNING")
    both = [(studio, COMMANDS[name]) for studio, pair in zip(studios, pairs, strict=True) for name in pair]
    await asyncio.gather(*(act(harness, studio, command) for studio, command in both))
    await harness.until(lambda: settled(harness))
    running = {row["public_id"] for row in await harness.rows(core.studio) if row["status"] == "RUNNING"}
    assert {name.split("-")[2] for name in harness.compute.observations} == running
    assert len(harness.compute.observations) == len(running)
    assert {row["state"] for row in await harness.rows(core.operation)} <= {"SUCCEEDED"}
    assert not [row for row in await harness.rows(core.session) if row["ended_at"] and not row["saved"]]


BUILDS: dict[str, Command] = {
    "start": COMMANDS["start"],
    "stop": COMMANDS["stop"],
    "delete": COMMANDS["delete"],
    "retry": lambda harness, studio: harness.studios.retry_build(harness.world.viewer, StudioActionRequest(studio)),
    "force": lambda harness, studio: harness.studios.force_stop(harness.world.viewer, StudioActionRequest(studio)),
}


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize("begins", ["BUILDING", "BUILD_FAILED"])
async def test_every_pair_of_commands_while_its_image_is_built_ends_well(harness: ControllerHarness, begins: str) -> None:
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/tool:1", recipe="tool"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))
    held = harness.compute.hold["build"] = asyncio.Event()
    if begins == "BUILD_FAILED":
        harness.compute.refuse_build = "No."
        held.set()
    pairs = list(combinations_with_replacement(BUILDS, 2))
    studios = [await harness.add(name=f"{one} and {other}") for one, other in pairs]
    for studio in studios:
        await harness.status(studio, begins)
    harness.compute.refuse_build = None
    both = [(studio, BUILDS[name]) for studio, pair in zip(studios, pairs, strict=True) for name in pair]
    ending = asyncio.get_running_loop().call_later(0.05, held.set)
    await asyncio.gather(*(act(harness, studio, command) for studio, command in both))
    ending.cancel()
    held.set()
    await harness.until(lambda: settled(harness, "BUILD_FAILED"))
    running = {row["public_id"] for row in await harness.rows(core.studio) if row["status"] == "RUNNING"}
    assert {name.split("-")[2] for name in harness.compute.observations} == running
    assert "RUNNING" not in {row["state"] for row in await harness.rows(core.operation)}
    assert not [row for row in await harness.rows(core.session) if row["ended_at"] and not row["saved"]]
    assert not {"QUEUED", "RUNNING"} & {row["state"] for row in await harness.rows(core.build)}


async def settled(harness: ControllerHarness, *also: str) -> bool:
    """Nothing goes on, and nothing is planned or left."""
    rows, sessions = await harness.rows(core.studio), await harness.rows(core.session)
    planned = [s for s in sessions if s["stop_at"] and not s["ended_at"]]
    return {row["status"] for row in rows} <= {"RUNNING", "STOPPED", *also} and not planned and await no_cleanup_left(harness)
