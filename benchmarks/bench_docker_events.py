"""Measures how soon a subscriber gets the event of a tool in a container that begins to answer, and of a container that is killed.

Run: python -m benchmarks.bench_docker_events [rounds]. Requests every 2 ms detect the tool's first answer. The container is
killed through the engine's API; that time starts with the call.
"""

import asyncio
import sys
import time
from contextlib import aclosing

from benchmarks.contained import answered, served
from benchmarks.latency import START, WATCH, create, print_times, until
from services.compute.docker.engine import Engine
from tests.docker.server import Job


async def rounds(job: Job, count: int) -> dict[str, list[float]]:
    engine = Engine(job.url)
    studio = await create(job.server, "Measured")
    times: dict[str, list[float]] = {"answer": [], "killed": []}
    async with aclosing(job.server.subscribe(WATCH, {"id": studio})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        for number in range(1, count + 1):
            await job.server.graphql(START, {"id": studio})
            name = await _name(job, number)
            at, _ = await answered(engine, name)
            times["answer"].append(max(await until(frames, "RUNNING") - at, 0))
            killed = time.time()
            await engine.call("POST", f"containers/{name}/kill")
            times["killed"].append(await until(frames, "STOPPING") - killed)
            await until(frames, "ERRORED")
    await engine.close()
    return times


async def _name(job: Job, number: int) -> str:
    """Waits for the container of the session, and returns its name."""
    while True:
        for name in job.containers():
            if name.endswith(f"-{number}"):
                return name
        await asyncio.sleep(0.01)


async def main(count: int) -> None:
    async with served() as job:
        times = await rounds(job, count)
    print_times("tool answers -> RUNNING at a subscriber", times["answer"])
    print_times("docker kill -> event at a subscriber", times["killed"])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
