"""Measures the time of a Studio's start against a plain `docker run` of the same image.

Run: python -m benchmarks.bench_docker_start [rounds] [seconds until the tool listens]. Three ways take turns on one engine:

  plain   `docker run --detach` by the command line, with the limits, capabilities and `--init` that a session has, on the engine's
          default bridge; then HTTP requests every 2 ms until the first answer. Its time is from the command to that answer.
  apart   The same in a network of its own, which `docker network create` makes first: the cost of isolating sessions alone.
  studio  `startStudio` over HTTP to a real server; its time is from the request to the RUNNING event at a GraphQL subscriber. It
          includes a network for the session, its environment variables, the commits of five steps, and the event's delivery.

The network is the greater part of the difference, and the same for every tool: some 75 ms to create it, and 60 ms more for a container
that starts in it, because the engine adds a resolver. Therefore the ratios are printed for a tool that answers at once, and for one that
needs half a second, as JupyterLab does in its image.

Each container is stopped and removed before the next one starts. After the ratios the benchmark prints the parts of a Studio's start: the
steps of the operation, and every call to the engine, counted in a compute environment of this process.
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
from benchmarks.latency import START, STOP, WATCH, create, print_times, until
from services.compute.docker import request_bodies
from services.compute.docker.engine import Engine
from tests.compute.world import quietly
from tests.docker.engine import docker_world
from tests.docker.server import Job
from tests.docker.tiny_image import run, tiny_image

MEMORY, CPUS = "8192m", "2"
NETWORK = "zz-sg-bench"
STEPS = "query($id: ID!) { operation(id: $id) { steps { name startedAt endedAt } } }"
DETAILED_ROUNDS = 5
DELAYS_SECONDS = [0.0, 0.5]


async def plain(engine: Engine, delay: float) -> float:
    """Returns the seconds from `docker run` to the tool's first answer."""
    began = time.time()
    return await _run(engine, delay) - began


async def apart(engine: Engine, delay: float) -> float:
    """Returns the seconds from `docker network create` to the tool's first answer."""
    began = time.time()
    await run("network", "create", NETWORK)
    try:
        return await _run(engine, delay, "--network", NETWORK) - began
    finally:
        await run("network", "rm", NETWORK)


async def _run(engine: Engine, delay: float, *more: str) -> float:
    """Runs and removes a container, and returns the time of the tool's first answer."""
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


async def studio_start(job: Job, name: str, delay: float) -> tuple[float, dict[str, float]]:
    """Returns the seconds of a start, and of each step. The Studio is new: one that was stopped would start from its checkpoint."""
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
    steps = (await job.server.graphql(STEPS, {"id": operation}))["operation"]["steps"]
    return {step["name"]: _timestamp(step["endedAt"]) - _timestamp(step["startedAt"]) for step in steps if step["endedAt"]}


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def calls(rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of the calls to the engine during a start, by the kind of call."""
    times: dict[str, list[float]] = defaultdict(list)
    call = Engine.call

    async def timed(self: Engine, method: str, path: str, **more: Any) -> Any:
        began = time.perf_counter()
        try:
            return await call(self, method, path, **more)
        finally:
            times[f"{method} {_kind(path)}"].append(time.perf_counter() - began)

    async with docker_world() as world:
        for number in range(1, rounds + 1):
            name = world.name(number)
            with patch.object(Engine, "call", timed):
                await world.compute.ensure_image(world.image, quietly)
                await world.compute.ensure_session(world.spec(name), quietly)
            await world.compute.remove(name)
    return times


def _kind(path: str) -> str:
    parts = path.split("/")
    return "/".join([parts[0], *(part for part in parts[1:] if part in ("json", "create", "start", "archive"))])


async def compare(job: Job, engine: Engine, rounds: int, delay: float) -> None:
    """Runs the three ways in turns, and prints their times."""
    times: dict[str, list[float]] = {"plain": [], "apart": [], "studio": []}
    steps: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        times["plain"].append(await plain(engine, delay))
        times["apart"].append(await apart(engine, delay))
        took, parts = await studio_start(job, f"{delay} {number}", delay)
        times["studio"].append(took)
        for name, seconds in parts.items():
            steps[name].append(seconds)
    print(f"A tool that waits {delay:g} s before it listens:")
    print_times("  docker run -> the tool's first answer", times["plain"])
    print_times("  docker network create, docker run -> its first answer", times["apart"])
    print_times("  startStudio -> RUNNING at a subscriber", times["studio"])
    for name, durations in steps.items():
        print_times(f"    {name}", durations)
    for kind, label in (("plain", "docker run"), ("apart", "docker run in a network of its own")):
        difference = statistics.median(times["studio"]) - statistics.median(times[kind])
        ratios = sorted(studio / baseline for baseline, studio in zip(times[kind], times["studio"], strict=True))
        print(
            f"  {difference * 1000:.0f} ms more than {label}; ratio {statistics.median(ratios):.2f}  [{ratios[0]:.2f} .. {ratios[-1]:.2f}]"
        )


async def main(rounds: int, delays: list[float]) -> None:
    async with served() as job:
        engine = Engine(job.url)
        await plain(engine, 0)  # the first run reads the image from the disk
        await studio_start(job, "Warm up", 0)
        for delay in delays:
            await compare(job, engine, rounds, delay)
        await engine.close()
    print(f"The engine's calls in a start (of {DETAILED_ROUNDS}):")
    for kind, durations in (await calls(DETAILED_ROUNDS)).items():
        rate, median = len(durations) / DETAILED_ROUNDS, statistics.median(durations)
        print(f"  {kind:30} {rate:4.1f} a start, {median * 1000:7.1f} ms each")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(int(arguments[0]) if arguments else 12, [float(arguments[1])] if arguments[1:] else DELAYS_SECONDS))
