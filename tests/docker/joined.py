"""Run inside a container of the engine: start a session, reach it, remove it. See `test_reach`."""

import asyncio
import sys

from services.compute.docker import DockerCompute
from services.compute.docker.engine import Engine
from services.compute.docker.reach import find
from services.compute.protocol import ImageSpec, Presence
from tests.compute.world import World, ask

URL = "unix:///var/run/docker.sock"


async def main(installation: str, image: str) -> None:
    engine = Engine(URL)
    say((await find(engine)).mode)
    await engine.close()
    world = World(DockerCompute(URL, installation, "e" * 32), ImageSpec("CUSTOM", image, ""), installation)
    upstream = await world.start(world.name())
    say((upstream.host or "")[:6])
    status, body = await ask(upstream, "GET", "/")
    say(f"{status} {body.decode()}")
    await world.compute.remove(world.name())
    say("gone" if await world.presence(world.name()) is Presence.ABSENT else "still there")
    await world.compute.close()


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the test reads it


asyncio.run(main(*sys.argv[1:]))
