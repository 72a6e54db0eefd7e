"""What a start of ours costs over a plain `docker run` of the same image.

Run: python -m benchmarks.bench_docker_start [rounds] [seconds that the tool takes to begin]. In turns, in one run and on one engine:

  plain   `docker run --detach` by the command line, with the limits, capabilities and `--init` that a session has, on the engine's
          default bridge; then HTTP requests every 2 ms until the first answer. Its time is from the command to that answer.
  apart   The same in a network of its own, which `docker network create` makes first: what keeping sessions apart costs by itself.
  ours    `startStudio` by HTTP to a real server; its time is from the request to the RUNNING event at a GraphQL subscriber. In it are
          a network of the session's own, the environment handed over by a shell, the commits of five steps, and the event's way.

The network is the greater part of what we cost, and the same for every tool: some 75 ms to make it, and 60 ms more for a container that
starts in one of its own, as the engine puts a resolver into it. So the ratios are told for a tool that answers at once, of which that is
much, and for one that needs half a second (as JupyterLab does, in its image), of which it is little.

The containers are stopped and removed before the next is begun. Beside the ratio it tells what our time is made of: the steps of the
operation as people see them, and every call to the engine, counted in a compute environment of this process.
"""

import asyncio
import statistics
import sys
import time
from collections import defaultdict
from contextlib import aclosing
from datetime import datetime
from typing import Any
from unittest.mock import patch

from benchmarks.contained import PORT, answered, served
from benchmarks.latency import START, STOP, WATCH, create, tell, until
from services.compute.docker import request_bodies
from services.compute.docker.engine import Engine
from tests.compute.world import quietly
from tests.docker.engine import docker_world
from tests.docker.server import Job
from tests.docker.tiny_image import run, tiny_image

MEMORY, CPUS = "8192m", "2"
NETWORK = "zz-sg-bench"
STEPS = "query($id: ID!) { operation(id: $id) { steps { name startedAt endedAt } } }"
DETAILED = 5
DELAYS = [0.0, 0.5]


async def plain(engine: Engine, delay: float) -> float:
    """Seconds."""
    began = time.time()
    return await _run(engine, delay) - began


async def apart(engine: Engine, delay: float) -> float:
    """Seconds, with those of the network."""
    began = time.time()
    await run("network", "create", NETWORK)
    try:
        return await _run(engine, delay, "--network", NETWORK) - began
    finally:
        await run("network", "rm", NETWORK)


async def _run(engine: Engine, delay: float, *more: str) -> float:
    """The moment of the tool's first answer; the container is removed."""
    limits = [
        "--init",
        "--memory",
        MEMORY,
        "--memory-swap",
        MEMORY,
        "--cpus",
        CPUS,
        "--pids-limit",
        str(request_bodies.MAX_PROCESSES),
        "--cap-drop",
        "ALL",
    ]
    rights = [f"--cap-add={capability}" for capability in request_bodies.ROOT_CAPABILITIES]
    logs = ["--log-opt", f"max-size={request_bodies.LOG_SIZE}", "--log-opt", f"max-file={request_bodies.LOG_FILES}"]
    hardening = ["--security-opt", "no-new-privileges", "--env", f"CONNECT_TOOL_PORT={PORT}"]
    image = ["--env", f"TINY_DELAY={delay}", tiny_image()]
    container = await run("run", "--detach", *more, *limits, *rights, *logs, *hardening, *image)
    at, _ = await answered(engine, container)
    await run("rm", "--force", container)
    return at


async def ours(job: Job, name: str, delay: float) -> tuple[float, dict[str, float]]:
    """Seconds, and those of each step. A new Studio each time: one that was stopped would start from its checkpoint, not the image."""
    studio = await create(job.server, name, environment=[{"key": "TINY_DELAY", "value": str(delay)}])
    async with aclosing(job.server.subscribe(WATCH, {"id": studio})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        began = time.time()
        started = await job.server.graphql(START, {"id": studio})
        took = await until(frames, "RUNNING") - began
        steps = await _steps(job, started["startStudio"]["operation"]["id"])
        await job.server.graphql(STOP, {"id": studio})
        await until(frames, "STOPPED")
    return took, steps


async def _steps(job: Job, operation: str) -> dict[str, float]:
    found = (await job.server.graphql(STEPS, {"id": operation}))["operation"]["steps"]
    return {step["name"]: _moment(step["endedAt"]) - _moment(step["startedAt"]) for step in found if step["endedAt"]}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def calls(rounds: int) -> dict[str, list[float]]:
    """Each kind of call to the engine during a start, and the times it took, as a compute environment in this process makes them."""
    found: dict[str, list[float]] = defaultdict(list)
    call = Engine.call

    async def timed(self: Engine, method: str, path: str, **more: Any) -> Any:
        began = time.perf_counter()
        try:
            return await call(self, method, path, **more)
        finally:
            found[f"{method} {_kind(path)}"].append(time.perf_counter() - began)

    async with docker_world() as world:
        for number in range(1, rounds + 1):
            name = world.name(number)
            with patch.object(Engine, "call", timed):
                await world.compute.ensure_image(world.image, quietly)
                await world.compute.ensure_session(world.spec(name), quietly)
            await world.compute.remove(name)
    return found


def _kind(path: str) -> str:
    words = path.split("/")
    return "/".join([words[0], *(word for word in words[1:] if word in ("json", "create", "start", "archive"))])


async def compare(job: Job, engine: Engine, rounds: int, delay: float) -> None:
    """In turns; prints."""
    found: dict[str, list[float]] = {"plain": [], "apart": [], "ours": []}
    steps: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        found["plain"].append(await plain(engine, delay))
        found["apart"].append(await apart(engine, delay))
        took, parts = await ours(job, f"{delay} {number}", delay)
        found["ours"].append(took)
        for name, seconds in parts.items():
            steps[name].append(seconds)
    print(f"A tool that waits {delay:g} s before it listens:")
    tell("  docker run -> the tool's first answer", found["plain"])
    tell("  docker network create, docker run -> its first answer", found["apart"])
    tell("  startStudio -> RUNNING at a subscriber", found["ours"])
    for name, times in steps.items():
        tell(f"    {name}", times)
    for kind, words in (("plain", "docker run"), ("apart", "docker run in a network of its own")):
        more = statistics.median(found["ours"]) - statistics.median(found[kind])
        ratios = sorted(mine / theirs for theirs, mine in zip(found[kind], found["ours"], strict=True))
        print(f"  {more * 1000:.0f} ms more than {words}; ratio {statistics.median(ratios):.2f}  [{ratios[0]:.2f} .. {ratios[-1]:.2f}]")


async def main(rounds: int, delays: list[float]) -> None:
    async with served() as job:
        engine = Engine(job.url)
        await plain(engine, 0)  # the first of all reads the image from the disk
        await ours(job, "Warm up", 0)
        for delay in delays:
            await compare(job, engine, rounds, delay)
        await engine.close()
    print(f"The engine's calls in a start (of {DETAILED}):")
    for kind, times in (await calls(DETAILED)).items():
        print(f"  {kind:30} {len(times) / DETAILED:4.1f} a start, {statistics.median(times) * 1000:7.1f} ms each")


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(main(int(given[0]) if given else 12, [float(given[1])] if given[1:] else DELAYS))
