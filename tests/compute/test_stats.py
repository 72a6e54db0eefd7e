"""What a session uses, over the protocol: counted by the engine or the kernel, for all of its processes."""

import asyncio

import pytest

from services.compute.protocol import Presence
from tests.compute.world import GRACE, World, ask, used
from tests.waiting import eventually

pytestmark = pytest.mark.behaviour("B85")
MIB = 1 << 20


@pytest.mark.parametrize("where", ["tool", "child"])
async def test_the_processor_time_is_that_of_the_tool_and_of_children_that_have_ended(world: World, where: str) -> None:
    name = world.name()
    upstream = await world.start(name)
    before = await used(world, name)
    await ask(upstream, "GET", f"/burn?seconds=0.5&in={where}")
    assert 0.45 <= (await used(world, name)).cpu_seconds - before.cpu_seconds < 1.0


async def test_memory_that_the_tool_holds_shows(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    before = await used(world, name)
    await ask(upstream, "GET", f"/hold?n={100 * MIB}")
    assert 95 * MIB < (await used(world, name)).memory_bytes - before.memory_bytes < 110 * MIB


@pytest.mark.parametrize("kind", ["TINY_CHILDREN", "TINY_DAEMONS"])
async def test_every_process_of_a_session_counts_wherever_it_has_gone(world: World, kind: str) -> None:
    alone, many = world.name(1), world.name(2, "zyxwvtsrqpnm")
    await asyncio.gather(world.start(alone), world.start(many, **{kind: "8"}))

    async def more() -> bool:
        one, other = (await used(world, alone)).processes, (await used(world, many)).processes
        return one is not None and other is not None and other >= one + 8

    await eventually(more)


async def test_what_does_not_run_uses_nothing(world: World) -> None:
    name = world.name()
    assert await world.compute.stats(name) is None
    await world.start(name)
    await world.compute.stop(name, GRACE)
    assert await world.presence(name) is Presence.EXITED
    assert await world.compute.stats(name) is None


async def test_a_session_that_stands_still_for_a_save_is_counted(world: World) -> None:
    name = world.name()
    await world.start(name)
    before = await used(world, name)
    saving = asyncio.create_task(world.save(name, "c" * 32, interim=True))
    while not saving.done():
        assert (await used(world, name)).cpu_seconds >= before.cpu_seconds
    await world.compute.remove_checkpoint((await saving).reference)
