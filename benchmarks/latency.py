"""Helpers of the benchmarks that use a real server: creating a Studio, following its status, printing times."""

import os
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from schema.ids import encode
from tests.server import Server

CREATE = "mutation($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"
START = "mutation($id: ID!) { startStudio(input: { studioId: $id }) { ... on StudioPayload { operation { id } } } }"
STOP = "mutation($id: ID!) { stopStudio(input: { studioId: $id }) { ... on StudioPayload { studio { status } } } }"
WATCH = "subscription($id: ID!) { studioStatusChanged(scope: { studioId: $id }) { ... on StudioStatusEvent { status statusMessage } } }"


async def create(server: Server, name: str, **more: Any) -> str:
    """Creates a Studio without starting it, and returns its id."""
    world = server.world
    base = {"workspaceId": encode("Workspace", world.workspace_id), "templateId": encode("Template", world.template_id)}
    data = await server.graphql(CREATE, {"input": {**base, "name": name, "autoStart": False, **more}})
    studio: str = data["createStudio"]["studio"]["id"]
    return studio


async def until(frames: AsyncIterator[dict[str, Any]], status: str) -> float:
    """Returns the time at which the event with this status came. Raises AssertionError if the Studio fails to start."""
    async for frame in frames:
        event = frame["studioStatusChanged"]
        if event.get("status") == status:
            return time.time()
        if status == "RUNNING" and event.get("status") == "ERRORED":
            raise AssertionError(event["statusMessage"])
    raise AssertionError("the stream ended")


def memory_mib(pid: int) -> float:
    """Returns the resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def print_times(label: str, seconds: list[float]) -> None:
    median, worst = statistics.median(seconds), max(seconds)
    print(f"{label:60} median {median * 1000:7.1f} ms   worst {worst * 1000:7.1f} ms   ({len(seconds)} rounds)")
