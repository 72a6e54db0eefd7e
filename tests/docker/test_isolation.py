"""From inside a session: what of docs/operating.md's table a program in it tries, and what becomes of it."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.compute.docker import DockerCompute, naming
from services.compute.docker.reach import Mode
from services.domain.session_name import SessionName
from tests.compute.world import World
from tests.docker.engine import ENVIRONMENT, URL, docker_world
from tests.docker.images import variant
from tests.docker.network_checks import require_closed, subnet
from tests.docker.tiny_image import docker, run

pytestmark = [pytest.mark.docker, pytest.mark.behaviour("B5")]
ATTEMPTS = Path(__file__).with_name("attempts.py").read_text()
ALLOWED = {"own processes", "a ping"}
"""What nothing stops: a session may look into itself, and ping."""


async def attempts(name: SessionName, **targets: str | int) -> dict[str, str]:
    """What came of each: `done`, or the error."""
    python = docker("inspect", "-f", "{{index .Config.Cmd 0}}", str(name))
    process = await asyncio.create_subprocess_exec(
        *("docker", "exec", "-i", str(name), python, "-I", "-", json.dumps(targets)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate(ATTEMPTS.encode())
    assert process.returncode == 0
    outcomes: dict[str, str] = json.loads(output)
    return outcomes


@pytest.fixture(params=["root", "user"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """With root inside, and with a user of its own."""
    async with docker_world() as world:
        if request.param == "user":
            world.image = variant("user", "USER user")
        await world.start(world.name())
        yield world


async def test_a_session_has_no_power_over_the_kernel_or_the_machine(session: World) -> None:
    outcomes = await attempts(session.name())
    assert {what for what, came in outcomes.items() if came == "done"} <= ALLOWED
    assert len(outcomes) > 20


async def test_a_session_reaches_nothing_of_this_machine_at_any_address(session: World) -> None:
    """The API's port among them: a listener on all addresses of both families stands for it."""
    report = await session.compute.check()
    require_closed(report)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        port = server.getsockname()[1]
        datagrams.bind(("0.0.0.0", port))
        datagrams.setblocking(False)
        other = await session.start(session.name(2, "zyxwvtsrqpnm"))
        outcomes: dict[str, str] = {}
        for address in {*own_addresses(), str(subnet(session.name())[1])}:
            link = link_address(session.name())
            outcomes |= await attempts(session.name(), address=address, port=port, foreign=str(other.host), link=link)
        assert {what for what, came in outcomes.items() if came == "done"} <= ALLOWED
        assert len([what for what in outcomes if what.startswith("TCP ")]) > 2
        server.setblocking(False)
        for nothing in (server.accept, lambda: datagrams.recv(10)):
            with pytest.raises(BlockingIOError):
                nothing()


PASSING = ("lo", "br-", "sgr-", "sgt", "veth")
"""Interfaces that come and go with other tests: an address that has gone is somebody's out there."""


def own_addresses() -> set[str]:
    lines = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, check=True, text=True).stdout.splitlines()
    addresses = {line.split()[3].partition("/")[0] for line in lines if not line.split()[1].startswith(PASSING)}
    return set(sorted(addresses)[:3])


def link_address(name: SessionName) -> str:
    """The host's IPv6 address on the session's bridge, which a bridge has by itself; one that is nobody's where IPv6 is off."""
    listed = Path("/proc/net/if_inet6")
    for line in listed.read_text().splitlines() if listed.exists() else []:
        digits, *_, interface = line.split()
        if interface == naming.bridge(name):
            return ":".join(digits[at : at + 4] for at in range(0, 32, 4))
    return "fe80::1"


async def test_a_published_port_of_another_is_not_reached_through_the_machine(world: World) -> None:
    """Neither another session's, nor one that somebody has opened to the whole network."""
    report = await world.compute.check()
    require_closed(report)
    await world.start(world.name(1))
    world.compute, before = DockerCompute(URL, world.installation, ENVIRONMENT, mode=Mode.PUBLISHED), world.compute
    await before.close()
    published = await world.start(world.name(2, "zyxwvtsrqpnm"))
    anybodys = await run("run", "--detach", "--publish", "0.0.0.0:0:8000", "--env", "CONNECT_TOOL_PORT=8000", world.image.image)
    try:
        port = int((await run("port", anybodys, "8000/tcp")).splitlines()[0].rpartition(":")[2])
        gateway = str(subnet(world.name(1))[1])
        for address in {*own_addresses(), gateway}:
            for target_port in (port, published.port):
                outcomes = await attempts(world.name(1), address=address, port=target_port or 0)
                assert outcomes[f"TCP {address}:{target_port}"] != "done"
        inner = await run("inspect", "-f", "{{.NetworkSettings.IPAddress}}", anybodys)
        assert (await attempts(world.name(1), address=inner, port=8000))[f"TCP {inner}:8000"] != "done"
    finally:
        await run("rm", "--force", anybodys)
