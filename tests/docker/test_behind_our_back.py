"""What people and the engine do to a session without asking us."""

import asyncio
import statistics
import time
from contextlib import aclosing
from typing import Any
from unittest.mock import AsyncMock

import pytest

from services.compute.docker import naming
from services.compute.docker.containers import Containers
from services.compute.protocol import ComputeFailed, Presence
from tests.compute.world import World, get, put, quietly
from tests.docker.tiny_image import docker
from tests.waiting import WAIT_LIMIT_S, promised

pytestmark = pytest.mark.docker


@pytest.mark.behaviour("B12")
async def test_a_kill_is_told_within_a_second(world: World) -> None:
    took = []
    for number in range(1, 6):
        name = world.name(number)
        await world.start(name)
        changes: Any = world.compute.watch()
        async with aclosing(changes):
            await anext(changes)
            kill = await asyncio.create_subprocess_exec("docker", "kill", str(name), stdout=asyncio.subprocess.DEVNULL)
            begun = time.monotonic()
            async with asyncio.timeout(WAIT_LIMIT_S):
                while (change := await anext(changes)).what != "die":
                    assert change.name == name
            took.append(time.monotonic() - begun)
            await kill.wait()
        observation = await world.compute.observe(name)
        assert (observation.presence, observation.exit_code, observation.out_of_memory) == (Presence.EXITED, 137, False)
    assert statistics.median(took) < promised(1)


@pytest.mark.behaviour("B30")
async def test_a_child_that_is_killed_for_memory_is_no_change_that_would_interrupt_a_save(world: World) -> None:
    name = world.name()
    await world.start(name)
    docker("update", "--memory", "64m", "--memory-swap", "64m", str(name))
    changes: Any = world.compute.watch()
    async with aclosing(changes):
        await anext(changes)
        command = "dd if=/dev/zero of=/dev/null bs=200M count=1 || echo killed"
        assert "killed" in await asyncio.to_thread(docker, "exec", str(name), "sh", "-c", command)
        await asyncio.to_thread(docker, "rename", str(name), f"renamed-{world.installation[:8]}")
        async with asyncio.timeout(WAIT_LIMIT_S):
            assert (await anext(changes)).what == "rename"


async def test_a_session_that_was_removed_is_absent(world: World) -> None:
    await world.start(world.name())
    docker("rm", "-f", str(world.name()))
    assert await world.presence(world.name()) is Presence.ABSENT
    with pytest.raises(ComputeFailed, match="nothing to save"):
        await world.save(world.name(), "c1", interim=False)
    await world.compute.remove(world.name())
    assert docker("network", "ls", "-q", "--filter", f"name={world.name()}") == ""


async def test_a_renamed_session_is_still_the_session(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"hello")
    docker("rename", str(name), f"renamed-{world.installation[:8]}")
    assert await world.presence(name) is Presence.RUNNING
    assert await get(await world.start(name), "a.txt") == b"hello"
    await world.compute.remove(name)
    assert await world.compute.sessions() == []


async def test_what_is_not_ours_is_neither_adopted_nor_removed(world: World) -> None:
    name = world.name()
    docker("create", "--name", str(name), world.image.image)
    try:
        for call in (world.start(name), world.compute.stop(name, None), world.compute.remove(name)):  # type: ignore[arg-type]
            with pytest.raises(ComputeFailed, match="Something else"):
                await call
        assert docker("ps", "-aq", "--filter", f"name={name}")
    finally:
        docker("rm", str(name))


async def test_a_container_made_from_a_checkpoint_by_hand_is_no_session(world: World) -> None:
    await world.start(world.name())
    saved = await world.save(world.name(), "c1", interim=True)
    docker("create", "--name", f"by-hand-{world.installation[:8]}", saved.reference)
    try:
        assert [name for name, _ in await world.compute.sessions()] == [world.name()]
    finally:
        docker("rm", f"by-hand-{world.installation[:8]}")


async def test_pausing_is_not_ending(world: World) -> None:
    name = world.name()
    await world.start(name)
    docker("pause", str(name))
    assert await world.presence(name) is Presence.RUNNING
    docker("unpause", str(name))
    assert await world.start(name)


@pytest.mark.behaviour("B12")
async def test_a_session_that_was_never_started_is_made_anew_with_its_network(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that died at a start may refuse to start that container for ever."""
    name = world.name()
    with monkeypatch.context() as patch:
        patch.setattr(Containers, "start", AsyncMock())
        await world.compute.ensure_session(world.spec(name), quietly)
    former = docker("inspect", "--format", "{{.Id}}", str(name))
    docker("network", "rm", naming.network(name))
    assert await get(await world.start(name), "nothing") is None
    assert docker("inspect", "--format", "{{.Id}}", str(name)) != former
