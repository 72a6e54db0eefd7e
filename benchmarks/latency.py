"""What the measurements on a real server share: a Studio, the stream of its status, and how times are told."""

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
    """A Studio's id; it is not started."""
    world = server.world
    given = {"workspaceId": encode("Workspace", world.workspace_id), "templateId": encode("Template", world.template_id)}
    made = await server.graphql(CREATE, {"input": {**given, "name": name, "autoStart": False, **more}})
    studio: str = made["createStudio"]["studio"]["id"]
    return studio


async def until(frames: AsyncIterator[dict[str, Any]], status: str) -> float:
    """When the event with this status came. Fails where a start does."""
    async for frame in frames:
        event = frame["studioStatusChanged"]
        if event.get("status") == status:
            return time.time()
        if status == "RUNNING" and event.get("status") == "ERRORED":
            raise AssertionError(event["statusMessage"])
    raise AssertionError("the stream ended")


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def tell(what: str, seconds: list[float]) -> None:
    median, worst = statistics.median(seconds), max(seconds)
    print(f"{what:60} median {median * 1000:7.1f} ms   worst {worst * 1000:7.1f} ms   ({len(seconds)} rounds)")
