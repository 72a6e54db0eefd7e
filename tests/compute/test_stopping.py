"""Ending sessions: politely, by force, and nothing of them is left."""

import asyncio
import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from services.compute.protocol import Presence
from services.domain.session_name import SessionName
from tests.compute.world import GRACE, World, quietly
from tests.waiting import eventually


@pytest.mark.behaviour("B8")
async def test_stopping_lets_the_tool_end_by_itself(world: World) -> None:
    name = world.name()
    await world.start(name)
    await world.compute.stop(name, GRACE)
    observation = await world.compute.observe(name)
    assert (observation.presence, observation.exit_code) == (Presence.EXITED, 0)


async def test_a_tool_that_ignores_the_request_is_killed_after_the_grace(world: World) -> None:
    name = world.name()
    await world.start(name, TINY_IGNORE_TERM="1")
    await world.compute.stop(name, timedelta(milliseconds=100))
    observation = await world.compute.observe(name)
    assert (observation.presence, observation.exit_code, observation.out_of_memory) == (Presence.EXITED, 137, False)


async def test_a_second_stop_may_shorten_the_grace(world: World) -> None:
    name = world.name()
    await world.start(name, TINY_IGNORE_TERM="1")
    patient = asyncio.create_task(world.compute.stop(name, timedelta(minutes=5)))
    await world.compute.stop(name, timedelta(0))
    await patient
    assert await world.presence(name) is Presence.EXITED


async def test_stopping_what_is_not_there_or_has_ended_is_nothing(world: World) -> None:
    name = world.name()
    await world.compute.stop(name, GRACE)
    await world.start(name)
    await world.compute.stop(name, GRACE)
    await world.compute.stop(name, GRACE)


async def test_no_process_is_left_when_the_tool_ends(world: World) -> None:
    name = world.name()
    marker = uuid.uuid4().hex
    await world.start(name, TINY_CHILDREN="2", TINY_DAEMONS="2", MARKER=marker)
    assert len(_with(marker)) >= 3
    await world.compute.stop(name, GRACE)
    assert _with(marker) == []


async def test_a_cancelled_stop_goes_on(world: World) -> None:
    name = world.name()
    await world.start(name, TINY_TERM_DELAY="0.2")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(world.compute.stop(name, GRACE), 0.05)
    assert (await world.ended(name)).exit_code == 0


async def test_a_session_can_be_stopped_while_its_tool_starts(world: World) -> None:
    name = world.name()
    await world.compute.ensure_session(world.spec(name, TINY_NEVER="1"), quietly)
    await eventually(lambda: _printed(world, name))
    await world.compute.stop(name, GRACE)
    assert await world.presence(name) is Presence.EXITED


async def _printed(world: World, name: SessionName) -> bytes:
    return await world.compute.tail(name, 100)


def _with(marker: str) -> list[str]:
    """The processes that have the marker in their environment, as an outsider finds them."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                pids.append(process.name)
        except OSError:
            continue
    return pids
