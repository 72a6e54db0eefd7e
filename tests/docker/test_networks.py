"""Each session has a network of its own: enough of them, in nobody's way, and closed to each other and to the host."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.compute.docker import DockerCompute, firewall, naming
from services.compute.docker.engine import Engine
from services.compute.docker.networks import BRIDGE_NAME, Networks
from services.compute.protocol import ComputeFailed
from services.domain.session_name import SessionName
from tests.compute.world import World
from tests.docker.engine import ENVIRONMENT, URL
from tests.docker.network_checks import require_closed, subnet
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.docker
DEFAULT_SUBNET_POOL = ipaddress.IPv4Network("10.214.0.0/24")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5)"


async def test_more_sessions_than_an_engine_has_networks_of_its_own(world: World) -> None:
    engine = Engine(URL)
    networks = Networks(engine, ENVIRONMENT, ipaddress.IPv4Network("10.214.0.0/16"))
    names = [world.name(number) for number in range(1, 41)]
    await asyncio.gather(*map(networks.ensure, names))
    subnets = [subnet(name) for name in names]
    assert len(set(subnets)) == 40
    assert {network.prefixlen for network in subnets} == {28}
    assert await networks.ensure(names[0])
    assert subnet(names[0]) == subnets[0]
    await asyncio.gather(*map(networks.remove, names))
    await engine.close()


async def test_what_others_use_is_left_alone_until_the_pool_is_used_up(world: World) -> None:
    engine = Engine(URL)
    networks = Networks(engine, ENVIRONMENT, DEFAULT_SUBNET_POOL)
    docker("network", "create", "--subnet", "10.214.0.0/25", f"other-{world.installation[:8]}")
    try:
        names = [world.name(number) for number in range(1, 10)]
        await asyncio.gather(*map(networks.ensure, names[:8]))
        assert all(subnet(name).subnet_of(ipaddress.IPv4Network("10.214.0.128/25")) for name in names[:8])
        with pytest.raises(ComputeFailed, match="larger pool"):
            await networks.ensure(names[8])
    finally:
        await asyncio.gather(*map(networks.remove, names))
        docker("network", "rm", f"other-{world.installation[:8]}")
        await engine.close()


async def test_two_controllers_at_once_make_one_network(world: World) -> None:
    engines = [Engine(URL) for _ in range(3)]
    made = await asyncio.gather(*(Networks(engine, ENVIRONMENT, DEFAULT_SUBNET_POOL).ensure(world.name()) for engine in engines))
    assert len(set(made)) == 1
    for engine in engines:
        await engine.close()


@pytest.mark.ip
@pytest.mark.behaviour("B5")
async def test_a_bridge_that_a_killed_engine_forgot_goes_with_its_session(world: World) -> None:
    """Left where an engine is killed while it removes a network."""
    left = naming.bridge(world.name())
    add = await asyncio.create_subprocess_exec("ip", "link", "add", left, "type", "bridge")
    assert await add.wait() == 0
    await world.compute.remove(world.name())
    assert left not in [name for _, name in socket.if_nameindex()]


async def reaches(name: SessionName, address: str, port: int) -> bool:
    """Whether a program in the session can open that connection."""
    python = docker("inspect", "-f", "{{index .Config.Cmd 0}}", str(name))
    process = await asyncio.create_subprocess_exec(
        "docker", "exec", str(name), python, "-I", "-c", CONNECT, address, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait() == 0


async def test_a_session_reaches_neither_another_session_nor_the_host(world: World) -> None:
    assert isinstance(world.compute, DockerCompute)
    report = await world.compute.check()
    one, two = world.name(1), world.name(2, "zyxwvtsrqpnm")
    upstream = await world.start(one)
    other = await world.start(two)
    assert upstream.host
    assert other.host
    assert await reaches(one, upstream.host, 8000)
    require_closed(report)
    assert not await reaches(one, other.host, 8000)
    gateway = str(subnet(one)[1])
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not await reaches(one, gateway, server.getsockname()[1])


async def test_sessions_are_kept_apart_while_the_engine_rearranges_its_filter(world: World) -> None:
    """It takes out what keeps networks apart, and puts it in again, with every network that it makes."""
    async with named_bridge(world) as others:
        require_closed(await world.compute.check())
        one, two = world.name(1), world.name(2, "zyxwvtsrqpnm")
        await world.start(one)
        other = await world.start(two)
        jumps = [["FORWARD", "-j", jump] for jump in ("DOCKER-USER", "DOCKER-ISOLATION-STAGE-1")]
        taken = [jump for jump in jumps if await iptables("-D", *jump)]
        try:
            assert taken
            for address in (other.host, others):
                assert address
                assert not await reaches(one, address, 8000)
        finally:
            for jump in reversed(taken):
                assert await iptables("-C", *jump) or await iptables("-I", *jump)


@asynccontextmanager
async def named_bridge(world: World) -> AsyncIterator[str]:
    """Where something answers at port 8000 in a network of somebody else's, whose bridge has a name by which nobody knows it."""
    name, bridge = f"other-{world.installation[:8]}", f"sgt-{world.installation[:8]}"
    docker("network", "create", "--opt", f"{BRIDGE_NAME}={bridge}", name)
    try:
        docker("run", "--detach", "--name", name, "--network", name, "--env", "CONNECT_TOOL_PORT=8000", world.image.image)
        yield docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
    finally:
        docker("rm", "--force", name)
        docker("network", "rm", name)
        while await iptables("-D", "FORWARD", "-i", firewall.INTERFACES, "-o", bridge, "-j", "DROP", table="mangle"):
            pass


async def iptables(act: str, *rule: str, table: str = "filter") -> bool:
    words = ("iptables", "-w", "5", "-t", table, act, *rule)
    return await (await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)).wait() == 0
