"""How soon a subscriber hears of what happens on a Docker Engine: a tool that begins to answer, and a container killed from outside.

Run: python -m benchmarks.bench_docker_events [rounds]. The tool's first answer is seen by requests every 2 ms from here; the kill is
the engine's own `docker kill`, and its time is from the moment that the command is given.
"""

import asyncio
import sys
import time
from contextlib import aclosing

from benchmarks.contained import answered, served
from benchmarks.latency import START, WATCH, create, tell, until
from services.compute.docker.engine import Engine
from tests.docker.server import Job


async def rounds(job: Job, count: int) -> dict[str, list[float]]:
    engine = Engine(job.url)
    studio = await create(job.server, "Measured")
    found: dict[str, list[float]] = {"answer": [], "killed": []}
    async with aclosing(job.server.subscribe(WATCH, {"id": studio})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        for number in range(1, count + 1):
            await job.server.graphql(START, {"id": studio})
            name = await _name(job, number)
            at, _ = await answered(engine, name)
            found["answer"].append(max(await until(frames, "RUNNING") - at, 0))
            killed = time.time()
            await engine.call("POST", f"containers/{name}/kill")
            found["killed"].append(await until(frames, "STOPPING") - killed)
            await until(frames, "ERRORED")
    await engine.close()
    return found


async def _name(job: Job, number: int) -> str:
    """The container of the session, once it is there."""
    while True:
        for name in job.containers():
            if name.endswith(f"-{number}"):
                return name
        await asyncio.sleep(0.01)


async def main(count: int) -> None:
    async with served() as job:
        found = await rounds(job, count)
    tell("tool answers -> RUNNING at a subscriber", found["answer"])
    tell("docker kill -> event at a subscriber", found["killed"])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
