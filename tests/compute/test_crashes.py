"""A server that is killed at any moment, whatever it was doing, leaves something that the next one can go on with."""

import asyncio
import os
import random
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from services.compute.process import ProcessCompute
from services.compute.protocol import ImageSpec, Presence
from tests.compute.world import GRACE, INSTALLATION, World, ask, get, put, quietly, tiny_command
from tests.waiting import eventually

SERVER = """
import asyncio
from datetime import timedelta
from pathlib import Path
from services.compute.process import ProcessCompute
from services.compute.protocol import ImageSpec, SaveRequest, SessionSpec
from services.domain.session_name import SessionName
from tests.waiting import eventually

async def quietly(message):
    pass

async def main():
    compute = ProcessCompute(Path({root!r}), {installation!r})
    spec = {spec!r}
    await compute.check()
    await compute.ensure_session(spec, quietly)
    await compute.save(SaveRequest(spec.name, await compute.new_reference(spec.name, "interim", interim=True), interim=True))
    print("stopping", flush=True)
    await compute.stop(spec.name, timedelta(seconds=5))
    await compute.save(SaveRequest(spec.name, await compute.new_reference(spec.name, "final", interim=False), interim=False))
    await compute.remove(spec.name)

asyncio.run(main())
"""


@pytest.mark.behaviour("B12", "B31")
@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 30))])
async def test_the_next_server_goes_on(root: Path, sockets: Path, seed: int) -> None:
    world = World(ProcessCompute(root, INSTALLATION), ImageSpec("CUSTOM", tiny_command(), ""))
    await put(await world.start(world.name(1)), "a.txt", b"hello")
    await world.compute.stop(world.name(1), GRACE)
    base = await world.save(world.name(1), "base", interim=False)
    spec = world.spec(world.name(2), base=base.reference, base_digest=base.digest)
    program = SERVER.format(root=str(root), installation=INSTALLATION, spec=spec)
    environment = {**os.environ, "TMPDIR": tempfile.gettempdir()}
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment, stdout=asyncio.subprocess.PIPE)
    await asyncio.wait([asyncio.create_task(server.wait())], timeout=random.Random(seed).uniform(0.2, 1.5))
    with suppress(ProcessLookupError):
        server.kill()
    output, _ = await server.communicate()

    await world.compute.check()
    if b"stopping" not in output or await world.presence(spec.name) is Presence.ABSENT:
        await world.compute.ensure_session(spec, quietly)
        upstream = await world.ready(spec.name)
        assert (await ask(upstream, "GET", "/"))[0] == 200
        assert await get(upstream, "a.txt") == b"hello"
        assert (await world.logged(spec.name, b"tiny listens")).count(b"tiny is starting") == 1
    await world.compute.stop(spec.name, GRACE)
    assert (await world.compute.observe(spec.name)).exit_code in (0, 128 + signal.SIGTERM)  # it may have been told before it listened
    saved = await world.save(spec.name, "final", interim=False)
    for name in world.names:
        await world.compute.remove(name)
    await world.compute.check()
    upstream = await world.start(world.name(3), base=saved.reference, base_digest=saved.digest)
    assert await get(upstream, "a.txt") == b"hello"
    await world.compute.remove(world.name(3))
    assert list((root / "sessions").iterdir()) == list((root / "locks").iterdir()) == []
    await eventually(lambda: swept(world, root))


async def swept(world: World, root: Path) -> bool:
    """Parts of archives go once whoever wrote them has ended: that may outlive the server it did it for."""
    await world.compute.check()
    return not [path for path in (root / "checkpoints").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.2, 0.3])
async def test_a_cancelled_start_can_be_repeated(world: World, after: float) -> None:
    await put(await world.start(world.name(1)), "a.txt", b"hello")
    base = await world.save(world.name(1), "base", interim=True)
    spec = world.spec(world.name(2), base=base.reference, base_digest=base.digest)
    start = asyncio.create_task(world.compute.ensure_session(spec, quietly))
    await asyncio.wait([start], timeout=after)
    start.cancel()
    await asyncio.wait([start])
    await world.compute.ensure_session(spec, quietly)
    assert await get(await world.ready(spec.name), "a.txt") == b"hello"
    assert (await world.logged(spec.name, b"tiny listens")).count(b"tiny is starting") == 1
