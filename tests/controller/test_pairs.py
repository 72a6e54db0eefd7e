"""Two people who act at once: every pair of commands, on a Studio that has ended and on one that runs, ends in one stable state."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import combinations_with_replacement

import pytest
from sqlalchemy import update

from services.domain.errors import DomainError
from services.store.tables import core
from services.studios.inputs import (
    Configuration,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    StudioOutcome,
    UpdateStudioRequest,
)
from tests import factories
from tests.controller.conftest import House

Command = Callable[[House, str], Awaitable[StudioOutcome]]

COMMANDS: dict[str, Command] = {
    "start": lambda house, studio: house.studios.start(house.world.viewer, StartStudioRequest(studio)),
    "start otherwise": lambda house, studio: house.studios.start(
        house.world.viewer, StartStudioRequest(studio, Configuration(cpu=1), save=True)
    ),
    "stop": lambda house, studio: house.studios.stop(house.world.viewer, StopStudioRequest(studio)),
    "stop later": lambda house, studio: house.studios.stop(house.world.viewer, StopStudioRequest(studio, grace_seconds=1)),
    "edit": lambda house, studio: house.studios.update(
        house.world.viewer, UpdateStudioRequest(studio, description="new", expected_revision=1)
    ),
    "delete": lambda house, studio: house.studios.delete(house.world.viewer, StudioActionRequest(studio, idempotency_key=studio)),
}


async def act(house: House, studio: str, command: Command) -> None:
    """It works or is refused with an error of the domain; anything else is a mistake of ours."""
    with suppress(DomainError):
        await command(house, studio)


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize("begins", ["STOPPED", "RUNNING"])
async def test_every_pair_of_commands_at_once_ends_well(house: House, begins: str) -> None:
    pairs = list(combinations_with_replacement(COMMANDS, 2))
    studios = [await factories.create_studio(house.database, house.world, f"{one} and {other}") for one, other in pairs]
    if begins == "RUNNING":
        await asyncio.gather(*(house.studios.start(house.world.viewer, StartStudioRequest(studio)) for studio in studios))
        for studio in studios:
            await house.status(studio, "RUNNING")
    both = [(studio, COMMANDS[name]) for studio, pair in zip(studios, pairs, strict=True) for name in pair]
    await asyncio.gather(*(act(house, studio, command) for studio, command in both))
    await house.until(lambda: settled(house))
    there = {row["public_id"] for row in await house.rows(core.studio) if row["status"] == "RUNNING"}
    assert {name.split("-")[2] for name in house.compute.there} == there
    assert len(house.compute.there) == len(there)
    assert {row["state"] for row in await house.rows(core.operation)} <= {"SUCCEEDED"}
    assert not [row for row in await house.rows(core.session) if row["ended_at"] and not row["saved"]]


BUILDS: dict[str, Command] = {
    "start": COMMANDS["start"],
    "stop": COMMANDS["stop"],
    "delete": COMMANDS["delete"],
    "retry": lambda house, studio: house.studios.retry_build(house.world.viewer, StudioActionRequest(studio)),
    "force": lambda house, studio: house.studios.force_stop(house.world.viewer, StudioActionRequest(studio)),
}


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize("begins", ["BUILDING", "BUILD_FAILED"])
async def test_every_pair_of_commands_while_its_image_is_built_ends_well(house: House, begins: str) -> None:
    async with house.database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/tool:1", recipe="tool"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))
    held = house.compute.hold["build"] = asyncio.Event()
    if begins == "BUILD_FAILED":
        house.compute.refuse_build = "No."
        held.set()
    pairs = list(combinations_with_replacement(BUILDS, 2))
    studios = [await house.add(name=f"{one} and {other}") for one, other in pairs]
    for studio in studios:
        await house.status(studio, begins)
    house.compute.refuse_build = None
    both = [(studio, BUILDS[name]) for studio, pair in zip(studios, pairs, strict=True) for name in pair]
    ending = asyncio.get_running_loop().call_later(0.05, held.set)
    await asyncio.gather(*(act(house, studio, command) for studio, command in both))
    ending.cancel()
    held.set()
    await house.until(lambda: settled(house, "BUILD_FAILED"))
    there = {row["public_id"] for row in await house.rows(core.studio) if row["status"] == "RUNNING"}
    assert {name.split("-")[2] for name in house.compute.there} == there
    assert "RUNNING" not in {row["state"] for row in await house.rows(core.operation)}
    assert not [row for row in await house.rows(core.session) if row["ended_at"] and not row["saved"]]
    assert not {"QUEUED", "RUNNING"} & {row["state"] for row in await house.rows(core.build)}


async def settled(house: House, *also: str) -> bool:
    """Nothing goes on, and nothing is planned or left."""
    rows, sessions = await house.rows(core.studio), await house.rows(core.session)
    planned = [s for s in sessions if s["stop_at"] and not s["ended_at"]]
    return {row["status"] for row in rows} <= {"RUNNING", "STOPPED", *also} and not planned and not await house.rows(core.leftover)
