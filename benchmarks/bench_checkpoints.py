"""Measures saves, clones and merges of checkpoints against a plain `docker commit` of the same container.

Run: python -m benchmarks.bench_checkpoints [MB ...]. For each size, a Studio's session writes that many random bytes; then:

  commit   `docker commit` of the session's container by the command line, which pauses it.
  now      `checkpointNow` over HTTP until the checkpoint is FINALIZED; the pause of the container is read from the engine's events.
  stop     `stopStudio` until STOPPED: the end of the processes, the save and the removal of the resources.
  start    `startStudio` until RUNNING, from that checkpoint.
  clone    `cloneStudio` without a start: no data is copied, so that it does not grow with the size.
  rebase   What sessions added, put over the image of another release of the template, as a migration does before its first start (B74).
  merge    The layers of the checkpoint put into one image, as the controller does in the background (B37).

At last the session of the largest size changes 10 MB and 99 MB more: `checkpointNow` and its pause against a `docker commit` of the same.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select

from benchmarks.contained import served
from services.compute.docker.engine import Engine
from services.compute.docker.layering import CheckpointImages
from services.store.tables import core
from tests.docker.images import variant
from tests.docker.server import Job
from tests.docker.tiny_image import docker, run
from tests.waiting import eventually

SIZES_MB = [10, 100, 1000]
LATER_SIZES_MB = [10, 99]
SAVE = """mutation($id: ID!) { checkpointNow(input: { studioId: $id }) {
  ... on CheckpointPayload { checkpoint { id } } ... on Error { message } } }"""
STATUS = "query($id: ID!) { node(id: $id) { ... on Checkpoint { status } } }"
CLONE = """mutation($id: ID!, $name: String!) { cloneStudio(input: { from: { studioId: $id }, name: $name, autoStart: false }) {
  ... on StudioPayload { studio { id } } ... on Error { message } } }"""
LIMIT_S = 300.0


async def timed(action: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


async def save_now(job: Job) -> None:
    checkpoint = (await job.server.graphql(SAVE, {"id": job.studio}))["checkpointNow"]["checkpoint"]["id"]

    async def is_saved() -> bool:
        return bool((await job.server.graphql(STATUS, {"id": checkpoint}))["node"]["status"] == "FINALIZED")

    await eventually(is_saved, LIMIT_S, 0.02)


async def pause(container: str, since: float) -> float:
    """Returns the seconds for which the engine paused the container since then."""
    words = ("--since", f"{since:.3f}", "--until", f"{time.time():.3f}", "--format", "{{.TimeNano}}")
    times = []
    for event in ("pause", "unpause"):
        lines = await run("events", "--filter", f"container={container}", "--filter", f"event={event}", *words)
        times.append(int(lines.split()[-1]))
    return (times[1] - times[0]) / 1e9


async def newest_reference(job: Job) -> str:
    saved = core.checkpoint.c
    newest = select(saved.reference).where(saved.reference.is_not(None)).order_by(saved.save_order.desc()).limit(1)
    async with job.database.read() as reader:
        return str((await reader.execute(newest)).scalar_one())


async def measure(job: Job, engine: Engine, size: int) -> None:
    await job.start()
    await job.status("RUNNING", LIMIT_S)
    container = job.containers()[0]
    await write(container, f"data-{size}", size)
    commit = await timed(lambda: run("commit", container, "studiograph-bench:commit"))
    docker("rmi", "studiograph-bench:commit")
    began = time.time()
    now = await timed(lambda: save_now(job))
    paused = await pause(container, began)

    async def stop() -> None:
        await job.stop()
        await job.status("STOPPED", LIMIT_S)

    async def start() -> None:
        await job.start()
        await job.status("RUNNING", LIMIT_S)

    stopped = await timed(stop)
    clone = await timed(lambda: job.server.graphql(CLONE, {"id": job.studio, "name": f"Clone {size}"}))
    merge = await timed(lambda: merged(engine, job))
    rebase = await timed(lambda: rebased(engine, job))
    started = await timed(start)
    await stop()
    print(f"{size} MB: docker commit {commit:.2f} s")
    measured = {"checkpointNow": now, "  its pause": paused, "stop": stopped, "start": started, "merge": merge, "rebase": rebase}
    for name, seconds in measured.items():
        print(f"  {name:14} {seconds:7.2f} s   ratio to docker commit {seconds / commit:5.2f}")
    print(f"  {'clone':14} {clone * 1000:7.0f} ms")


async def measure_later(job: Job, size: int, more: int) -> None:
    """Measures the save of a session with much data of which little has changed since the last one."""
    container = job.containers()[0]
    await write(container, f"later-{more}", more)
    commit = await timed(lambda: run("commit", container, "studiograph-bench:commit"))
    docker("rmi", "studiograph-bench:commit")
    began = time.time()
    now = await timed(lambda: save_now(job))
    paused = await pause(container, began)
    print(f"{size} MB, {more} MB of them changed since the last save: docker commit {commit:.2f} s")
    for name, seconds in (("checkpointNow", now), ("  its pause", paused)):
        print(f"  {name:14} {seconds:7.2f} s   ratio to docker commit {seconds / commit:5.2f}")


async def write(container: str, name: str, size: int) -> None:
    await run("exec", container, "dd", "if=/dev/urandom", f"of=/workspace/{name}", "bs=1000000", f"count={size}")


async def merged(engine: Engine, job: Job) -> None:
    target = "studiograph-bench:merged"
    await CheckpointImages(engine).flatten(await newest_reference(job), target)
    docker("rmi", target)


async def rebased(engine: Engine, job: Job) -> None:
    target, release = "studiograph-bench:rebased", variant("bench-release", "RUN echo 2 >/opt/release").image
    await CheckpointImages(engine).rebase(await newest_reference(job), release, target)
    docker("rmi", target)


async def main(sizes: list[int]) -> None:
    async with served() as job:
        engine = Engine(job.url)
        for size in sizes:
            await measure(job, engine, size)
        await job.start()
        await job.status("RUNNING", LIMIT_S)
        await write(job.containers()[0], "present", sizes[-1])
        await save_now(job)
        for more in LATER_SIZES_MB:
            await measure_later(job, sizes[-1], more)
        await job.stop()
        await job.status("STOPPED", LIMIT_S)
        await engine.close()


if __name__ == "__main__":
    asyncio.run(main([int(text) for text in sys.argv[1:]] or SIZES_MB))
