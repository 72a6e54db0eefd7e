"""What a session may do on its engine's machine, and how much it gets."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import aiohttp
import pytest

from services.compute.docker.containers import Containers
from services.compute.docker.env_vars import NOT_LOADED_EXIT_CODE
from services.compute.protocol import ComputeFailed, ImageSpec
from services.domain.session_name import SessionName
from tests.compute.world import GRACE, World, ask, quietly
from tests.docker.images import variant
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.docker
SEVEN = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7))
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID as bits (linux/capability.h)."""


def inspect(name: SessionName) -> dict[str, Any]:
    container: dict[str, Any] = json.loads(docker("inspect", str(name)))[0]
    return container


def status(name: SessionName) -> dict[str, str]:
    lines = docker("exec", str(name), "cat", "/proc/self/status").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


async def test_root_inside_has_seven_capabilities_and_gains_no_more(world: World) -> None:
    await world.start(world.name())
    process = status(world.name())
    assert int(process["CapEff"], 16) == int(process["CapBnd"], 16) == SEVEN
    assert (process["NoNewPrivs"], process["Seccomp"], process["Uid"].split()[0]) == ("1", "2", "0")


async def test_an_image_with_a_user_of_its_own_has_no_capability(world: World) -> None:
    world.image = variant("user", "USER user")
    await world.start(world.name(), GREETING="hello")
    process = status(world.name())
    assert int(process["CapEff"], 16) == int(process["CapBnd"], 16) == 0
    assert process["Uid"].split()[0] == "1000"


async def test_no_engine_socket_and_nothing_of_the_host_is_inside(world: World) -> None:
    await world.start(world.name())
    assert inspect(world.name())["Mounts"] == []


@pytest.mark.behaviour("B17")
async def test_limits_are_the_engines(world: World) -> None:
    spec = replace(world.spec(world.name()), cpu=0.5, memory_mib=64)
    await world.compute.ensure_session(spec, quietly)
    host = inspect(world.name())["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 64 << 20, 64 << 20)
    assert host["PidsLimit"] == 4096
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["LogConfig"]["Config"] == {"max-size": "8m", "max-file": "2"}


@pytest.mark.behaviour("B17")
async def test_a_session_that_runs_out_of_memory_says_so(world: World) -> None:
    name = world.name()
    await world.compute.ensure_session(replace(world.spec(name), memory_mib=64), quietly)
    upstream = await world.ready(name)
    with pytest.raises(aiohttp.ClientError):
        await ask(upstream, "GET", "/bytes?n=300000000")
    observation = await world.ended(name)
    assert (observation.exit_code, observation.out_of_memory) == (137, True)


@pytest.mark.behaviour("B17")
@pytest.mark.parametrize("code", [0, 3])
async def test_a_child_that_ran_out_of_memory_is_not_the_session(world: World, code: int) -> None:
    name = world.name()
    await world.compute.ensure_session(replace(world.spec(name), memory_mib=64), quietly)
    upstream = await world.ready(name)
    await asyncio.to_thread(docker, "exec", str(name), "sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1 || true")
    await ask(upstream, "GET", f"/exit?code={code}")
    observation = await world.ended(name)
    assert (observation.exit_code, observation.out_of_memory) == (code, False)


async def test_declared_volumes_are_refused_with_their_paths(world: World) -> None:
    with pytest.raises(ComputeFailed, match=r"declares VOLUME /data, /more"):
        await world.compute.ensure_image(variant("volumes", 'VOLUME ["/data", "/more"]'), quietly)


async def test_an_image_without_a_shell_is_refused_with_what_to_do(world: World) -> None:
    world.image = variant("bare", empty=True)
    with pytest.raises(ComputeFailed, match="no /bin/sh"):
        await world.compute.ensure_session(world.spec(world.name()), quietly)


async def test_an_image_that_cannot_be_had_says_so(world: World) -> None:
    with pytest.raises(ComputeFailed, match=r"127\.0\.0\.1:1/nowhere.* is not on the engine"):
        await world.compute.ensure_image(ImageSpec("CUSTOM", "127.0.0.1:1/nowhere:1", ""), quietly)


async def test_more_cpus_than_there_are_is_a_clear_no(world: World) -> None:
    with pytest.raises(ComputeFailed, match="CPUs"):
        await world.compute.ensure_session(replace(world.spec(world.name()), cpu=4096), quietly)


async def test_processes_that_the_tool_leaves_behind_are_reaped(world: World) -> None:
    name = world.name()
    await world.start(name, TINY_DAEMONS="2")
    assert inspect(name)["HostConfig"]["Init"] is True
    await world.compute.stop(name, GRACE)


async def test_a_paused_session_runs_and_can_be_stopped(world: World) -> None:
    name = world.name()
    await world.start(name)
    docker("pause", str(name))
    assert await world.presence(name) == "running"
    await world.compute.stop(name, GRACE)
    assert (await world.compute.observe(name)).exit_code == 0


async def test_the_tool_gets_its_port_and_nothing_from_standard_input(world: World) -> None:
    upstream = await world.start(world.name())
    env_vars = json.loads((await ask(upstream, "GET", "/env"))[1])
    assert env_vars["CONNECT_TOOL_PORT"] == "8000"
    assert "_studiograph" not in env_vars


async def test_a_session_that_never_got_its_environment_is_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a death of the server between the start and the handing over."""
    name = world.name()
    with monkeypatch.context() as patch:
        patch.setattr(Containers, "start", AsyncMock())
        await world.compute.ensure_session(world.spec(name), quietly)
    process = await asyncio.create_subprocess_exec(
        "docker", "start", "--attach", "--interactive", str(name), stdin=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == NOT_LOADED_EXIT_CODE
    assert (await world.compute.observe(name)).unprepared
    await world.start(name)
