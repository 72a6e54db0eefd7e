"""Measures many Studios on one server and one engine: the time until all run, the resources of the idle server, and what is left over.

Run: python -m benchmarks.bench_many_studios [Studios] [idle seconds] [waves]. Each Studio is the tiny tool with 64 MiB and a tenth of
a core; the second wave starts them from their checkpoints, and shows whether the server grows. The exit code is 1 if a container, a
network, a bridge or an image is left on the engine after all Studios were stopped and deleted.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contained import served
from benchmarks.latency import START, STOP, create, memory_mib
from schema.ids import encode
from tests.docker.server import Job
from tests.docker.tiny_image import docker
from tests.waiting import eventually

LIMIT_SECONDS = 300.0
SETTLE_SECONDS = 5.0
RELEASE_SECONDS = 20.0
"""The server closes idle HTTP connections after 15 s."""
CLEANUP_SECONDS = 30.0
WATCH_ALL = """subscription($id: ID!) {
  studioStatusChanged(scope: { workspaceId: $id }) { ... on StudioStatusEvent { studioId status statusMessage } } }"""
DELETE = "mutation($id: ID!) { deleteStudio(input: { studioId: $id }) { ... on Error { message } } }"
MAX_CONCURRENT_REQUESTS = 10


@dataclass
class ProcessUsage:
    """The memory and open files of a process, and the CPU seconds that it has used."""

    memory_mib: float
    cpu: float
    files: int

    @classmethod
    def of(cls, pid: int) -> "ProcessUsage":
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return cls(memory_mib(pid), cpu, len(list(Path(f"/proc/{pid}/fd").iterdir())))


def engine_pid() -> int | None:
    """Returns the process id of the engine on the default socket; None if it cannot be read."""
    with suppress(OSError, ValueError):
        return int(Path("/var/run/docker.pid").read_text())
    return None


def bridges(job: Job) -> list[Path]:
    """Returns the interfaces of this server's networks; other servers on the engine have some, too."""
    form = '{{index .Options "com.docker.network.bridge.name"}}'
    names = docker("network", "inspect", "--format", form, *job.networks(), host=job.url).split()
    return [Path("/sys/class/net", name) for name in names]


class ResourceMeter:
    """Prints the resources of the server and the engine at each stage, and the CPU time since the previous stage."""

    def __init__(self, server: int) -> None:
        self._pids = {"server": server} | ({"dockerd": engine} if (engine := engine_pid()) else {})
        self._before = {name: ProcessUsage.of(pid) for name, pid in self._pids.items()}
        self._began = time.monotonic()

    def report(self, stage: str) -> dict[str, ProcessUsage]:
        now = {name: ProcessUsage.of(pid) for name, pid in self._pids.items()}
        seconds = time.monotonic() - self._began
        print(f"{stage:34} {seconds:6.1f} s", end="")
        for name, use in now.items():
            used = use.cpu - self._before[name].cpu
            share = 100 * used / max(seconds, 0.01)
            print(f"   {name} {use.memory_mib:6.1f} MiB {use.files:4} files {used:6.2f} s of CPU ({share:4.1f} %)", end="")
        print(flush=True)
        self._before, self._began = now, time.monotonic()
        return now


async def for_each(studios: list[str], act: Callable[[str], Awaitable[object]]) -> None:
    slots = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def one(studio: str) -> None:
        async with slots:
            await act(studio)

    await asyncio.gather(*map(one, studios))


async def all_become(job: Job, studios: list[str], status: str, act: str) -> list[float]:
    """Runs the mutation `act` for all Studios. Returns the seconds until each had `status`, as a subscriber to the workspace sees it."""
    began, waiting, times = time.monotonic(), set(studios), []
    scope = {"id": encode("Workspace", job.server.world.workspace_id)}
    async with asyncio.timeout(LIMIT_SECONDS), aclosing(job.server.subscribe(WATCH_ALL, scope)) as frames:  # type: ignore[type-var]
        await anext(frames)
        requests = asyncio.create_task(for_each(studios, lambda studio: job.server.graphql(act, {"id": studio})))
        while waiting:
            event = (await anext(frames))["studioStatusChanged"]
            assert event.get("status") != "ERRORED", event["statusMessage"]
            if event.get("status") == status:
                waiting.discard(event["studioId"])
                times.append(time.monotonic() - began)
        await requests
    return times


async def is_clean(job: Job, interfaces: list[Path]) -> bool:
    def left() -> list[str]:
        return [*job.containers(), *job.networks(), *job.saves(), *(bridge.name for bridge in interfaces if bridge.exists())]

    async def gone() -> bool:
        return not left()

    with suppress(TimeoutError):
        return await eventually(gone, CLEANUP_SECONDS, 0.25)
    print("LEFT:", *left())
    return False


async def wave(job: Job, meter: ResourceMeter, studios: list[str], idle_seconds: float) -> list[Path]:
    """Starts all Studios, lets them idle, and stops them. Returns the network interfaces that they had."""
    times = await all_become(job, studios, "RUNNING", START)
    meter.report(f"all run (median {statistics.median(times):.1f} s)")
    interfaces = bridges(job)
    assert len(interfaces) == sum(path.exists() for path in interfaces) == len(job.containers()) == len(studios)
    await asyncio.sleep(SETTLE_SECONDS)
    meter.report("settled")
    await asyncio.sleep(idle_seconds)
    meter.report("idle")
    times = await all_become(job, studios, "STOPPED", STOP)
    meter.report(f"all stopped (median {statistics.median(times):.1f} s)")
    await asyncio.sleep(RELEASE_SECONDS)
    meter.report("idle connections closed")
    return interfaces


async def main(count: int, idle_seconds: float, waves: int) -> bool:
    async with served() as job:
        assert job.server.process is not None
        meter = ResourceMeter(job.server.process.pid)
        studios = [await create(job.server, f"Studio {n}", memoryMiB=64, cpu=0.1) for n in range(count)]
        meter.report(f"{count} Studios, none runs")
        interfaces = [path for _ in range(waves) for path in await wave(job, meter, studios, idle_seconds)]
        await for_each(studios, lambda studio: job.server.graphql(DELETE, {"id": studio}))
        clean = await is_clean(job, interfaces)
        await asyncio.sleep(SETTLE_SECONDS)
        meter.report("all deleted")
    print("Nothing is left on the engine." if clean else "Something is left on the engine.")
    return clean


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(0 if asyncio.run(main(*(arguments + [50, 20, 2][len(arguments) :]))) else 1)
