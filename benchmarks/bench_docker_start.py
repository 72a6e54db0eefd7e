"""What a start of ours costs over a plain `docker run` of the same image.

Run: python -m benchmarks.bench_docker_start [rounds]. In turns, in one run and on one engine:

  plain   `docker run --detach` by the command line, with the limits, capabilities and `--init` that a session has, on the engine's
          default bridge; then HTTP requests every 2 ms until the first answer. Its time is from the command to that answer.
  ours    `startStudio` by HTTP to a real server; its time is from the request to the RUNNING event at a GraphQL subscriber. In it are
          a network of the session's own, the environment handed over by a shell, the commits of five steps, and the event's way.

Both containers are stopped and removed before the next is begun. Beside the ratio it tells what our time is made of: the steps of the
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
from services.compute.docker import bodies
from services.compute.docker.engine import Engine
from tests.compute.world import quietly
from tests.docker.engine import docker_world
from tests.docker.server import Job
from tests.docker.tiny_image import run, tiny_image

MEMORY, CPUS = "8192m", "2"
STEPS = "query($id: ID!) { operation(id: $id) { steps { name startedAt endedAt } } }"
DETAILED = 5


async def plain(engine: Engine, image: str) -> float:
    """Seconds."""
    limits = ["--init", "--memory", MEMORY, "--memory-swap", MEMORY, "--cpus", CPUS, "--pids-limit", str(bodies.PIDS), "--cap-drop", "ALL"]
    rights = [f"--cap-add={capability}" for capability in bodies.ROOT_CAPABILITIES]
    logs = ["--log-opt", f"max-size={bodies.LOG_SIZE}", "--log-opt", f"max-file={bodies.LOG_FILES}"]
    hardening = ["--security-opt", "no-new-privileges", "--env", f"CONNECT_TOOL_PORT={PORT}"]
    began = time.time()
    container = await run("run", "--detach", *limits, *rights, *logs, *hardening, image)
    at, _ = await answered(engine, container)
    await run("rm", "--force", container)
    return at - began


async def ours(job: Job, number: int) -> tuple[float, dict[str, float]]:
    """Seconds, and those of each step. A new Studio each time: one that was stopped would start from its checkpoint, not the image."""
    studio = await create(job.server, f"Measured {number}")
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


async def main(rounds: int) -> None:
    found: dict[str, list[float]] = {"plain": [], "ours": []}
    steps: dict[str, list[float]] = defaultdict(list)
    async with served() as job:
        engine = Engine(job.url)
        await plain(engine, tiny_image())  # the first of all reads the image from the disk
        await ours(job, 0)
        for number in range(1, rounds + 1):
            found["plain"].append(await plain(engine, tiny_image()))
            took, parts = await ours(job, number)
            found["ours"].append(took)
            for name, seconds in parts.items():
                steps[name].append(seconds)
        await engine.close()
    tell("docker run -> the tool's first answer", found["plain"])
    tell("startStudio -> RUNNING at a subscriber", found["ours"])
    for name, times in steps.items():
        tell(f"  {name}", times)
    print(f"The engine's calls in a start ({DETAILED} starts):")
    for kind, times in (await calls(DETAILED)).items():
        print(f"  {kind:30} {len(times) / DETAILED:4.1f} a start, {statistics.median(times) * 1000:7.1f} ms each")
    ratios = [b / a for a, b in zip(found["plain"], found["ours"], strict=True)]
    print(f"ratio of the medians: {statistics.median(found['ours']) / statistics.median(found['plain']):.2f}", end="; ")
    print(f"of the pairs: median {statistics.median(ratios):.2f}, {min(ratios):.2f} .. {max(ratios):.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 12))
