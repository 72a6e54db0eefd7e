"""Memory that runs out, as a client of the API sees it on a Docker Engine (B17)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.compute.world import ask, get, put
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.behaviour("B17")]
LIMIT = """mutation($id: ID!) {
  updateStudio(input: { studioId: $id, memoryMiB: 64 }) { ... on StudioPayload { studio { configuration { memoryMiB } } } } }"""
LAST = """query($id: ID!) { studio(id: $id) {
  status stopReason statusMessage sessions(first: 1) { nodes { outOfMemory exitCode stopReason } } } }"""


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    """A Studio that runs with 64 MiB."""
    async with docker_job(tmp_path, sqlite_url) as job:
        await job.server.graphql(LIMIT, {"id": job.studio})
        await job.start()
        await job.status("RUNNING")
        yield job


async def test_a_session_that_is_killed_for_memory_is_saved_and_says_what_happened(job: Job) -> None:
    upstream = await job.upstream()
    await put(upstream, "notes", b"hello")
    with pytest.raises(aiohttp.ClientError):
        await ask(upstream, "GET", "/bytes?n=300000000")

    async def ended() -> bool:
        return bool((await job.look())["status"] == "ERRORED")

    await eventually(ended)
    studio = (await job.server.graphql(LAST, {"id": job.studio}))["studio"]
    assert (studio["status"], studio["stopReason"]) == ("ERRORED", "OUT_OF_MEMORY")
    assert "out of memory" in studio["statusMessage"]
    assert studio["sessions"]["nodes"] == [{"outOfMemory": True, "exitCode": 137, "stopReason": "OUT_OF_MEMORY"}]
    await job.start()
    await job.status("RUNNING")
    assert await get(await job.upstream(), "notes") == b"hello"


async def test_a_child_that_is_killed_for_memory_leaves_the_studio_running_and_its_end_its_own(job: Job) -> None:
    (container,) = job.containers()
    command = "dd if=/dev/zero of=/dev/null bs=200M count=1 || echo killed"
    assert "killed" in await asyncio.to_thread(docker, "exec", container, "sh", "-c", command)
    assert (await job.look())["status"] == "RUNNING"
    await ask(await job.upstream(), "GET", "/exit?code=0")
    await job.status("STOPPED")
    studio = (await job.server.graphql(LAST, {"id": job.studio}))["studio"]
    assert (studio["stopReason"], "memory" in (studio["statusMessage"] or "")) == ("EXITED", False)
    assert studio["sessions"]["nodes"] == [{"outOfMemory": False, "exitCode": 0, "stopReason": "EXITED"}]
