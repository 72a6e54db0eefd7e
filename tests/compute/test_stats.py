"""What a session uses, over the protocol: counted by the engine or the kernel, for all of its processes."""

import asyncio
from dataclasses import replace

import pytest

from services.compute.protocol import Presence, SessionName, Usage
from tests.compute.world import GRACE, World, ask, quietly, until
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.behaviour("B85")
MIB = 1 << 20


async def used(world: World, name: SessionName) -> Usage:
    found = await world.compute.stats(name)
    assert found is not None
    return found


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

    await until(more)


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
    saving = asyncio.create_task(world.compute.save(name, "c" * 32, interim=True))
    while not saving.done():
        assert (await used(world, name)).cpu_seconds >= before.cpu_seconds
    await world.compute.remove_checkpoint((await saving).reference)


@pytest.mark.docker
async def test_a_container_has_its_limit_and_its_network(world: World) -> None:
    if world.compute.kind != "docker":
        pytest.skip("the process kind limits nothing, and has no network of its own")
    name = world.name()
    await world.compute.ensure_session(replace(world.spec(name), memory_mib=256), quietly)
    upstream = await world.ready(name)
    before = await used(world, name)
    assert before.memory_limit_bytes == 256 * MIB
    assert before.network_received_bytes is not None
    assert before.network_sent_bytes is not None
    for _ in range(3):
        await ask(upstream, "POST", "/upload", b"x" * (MIB - 1))
    await ask(upstream, "GET", f"/bytes?n={2 * MIB}")
    after = await used(world, name)
    assert after.network_received_bytes is not None
    assert after.network_sent_bytes is not None
    assert 3 * (MIB - 1) <= after.network_received_bytes - before.network_received_bytes < 4 * MIB
    assert 2 * MIB <= after.network_sent_bytes - before.network_sent_bytes < 3 * MIB


@pytest.mark.docker
async def test_a_container_that_was_renamed_is_found(world: World) -> None:
    if world.compute.kind != "docker":
        pytest.skip("only containers have names that others can change")
    await world.start(world.name())
    docker("rename", str(world.name()), f"{world.name()}-renamed")
    assert (await used(world, world.name())).memory_bytes > 0
