"""A compute that is closed while it is in use, as when its settings were edited: every open call ends with ComputeUnknown."""

import asyncio
from typing import Any

import pytest

from services.compute.docker import DockerCompute
from services.compute.protocol import ComputeUnknown, SaveRequest
from tests.docker.fake_engine import CONTAINER, NAME, STATE, FakeEngine
from tests.waiting import WAIT_LIMIT_S, eventually

IMAGE = {"Id": CONTAINER["Image"], "Created": "2026-01-01T00:00:00Z", "Config": {}, "RootFS": {"Layers": []}, "Size": 1}
RUNNING = {**CONTAINER, "State": {**STATE, "Status": "running", "Running": True}}

SAVING = {
    f"GET /containers/{CONTAINER['Id']}/changes": [],
    "GET /containers/": RUNNING,
    "GET /images/json": [],
    "GET /images/studiograph": (404, "no such image"),
    "GET /images/": IMAGE,
}


async def begun(fake: FakeEngine, call: str) -> None:
    async def look() -> bool:
        return any(made.startswith(call) for made in fake.calls)

    await eventually(look)


async def closed(compute: DockerCompute, work: "asyncio.Task[Any]") -> None:
    """Close it, and require that `work` ends as if the engine were lost: not as if somebody had cancelled it."""
    await compute.close()
    async with asyncio.timeout(WAIT_LIMIT_S):
        with pytest.raises(ComputeUnknown):
            await work


async def test_watching_ends(compute: DockerCompute, fake: FakeEngine) -> None:
    changes: Any = compute.watch()
    assert (await anext(changes)).name is None
    await closed(compute, asyncio.create_task(changes.__anext__()))


async def test_a_call_ends_and_so_do_later_ones(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.hangs.add("GET /containers/")
    work = asyncio.create_task(compute.observe(NAME))
    await begun(fake, "GET /containers/")
    await closed(compute, work)
    with pytest.raises(ComputeUnknown):
        await compute.observe(NAME)


async def test_a_save_ends(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers |= SAVING
    fake.hangs.add("POST /commit")
    work = asyncio.create_task(compute.save(SaveRequest(NAME, "studiograph-0/b:c1-0-0", interim=True)))
    await begun(fake, "POST /commit")
    await closed(compute, work)


async def test_a_save_that_is_cancelled_is_cancelled(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers |= SAVING
    fake.hangs.add("POST /commit")
    work = asyncio.create_task(compute.save(SaveRequest(NAME, "studiograph-0/b:c1-0-0", interim=True)))
    await begun(fake, "POST /commit")
    work.cancel()
    await compute.close()
    with pytest.raises(asyncio.CancelledError):
        await work
