"""A hundred and more stops and starts of one Studio, with nothing lost and the engine's limit of layers never met (B37)."""

import faulthandler
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from schema.ids import decode
from services.store.tables import core
from tests.compute.world import get, put
from tests.docker.migrations import add_release, migrate
from tests.docker.server import STUDIO, Job, docker_job
from tests.docker.tiny_image import docker, tiny_image
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]
ROUNDS = 130
LIMIT_S = 1800
"""In place of the limit of the other tests: a round takes one to ten seconds."""
CLONE = """mutation($id: ID!) { cloneStudio(input: { from: { studioId: $id }, name: "Clone" }) {
  ... on StudioPayload { studio { id } } ... on Error { message } } }"""


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    async with docker_job(tmp_path, sqlite_url) as job:
        yield job


async def layers(job: Job) -> int:
    """The number of layers of the newest checkpoint's image."""
    async with job.database.read() as reader:
        newest = core.checkpoint.select().where(core.checkpoint.c.reference.is_not(None)).order_by(core.checkpoint.c.save_order.desc())
        reference = (await reader.execute(newest.limit(1))).one().reference
    return int(docker("image", "inspect", "--format", "{{len .RootFS.Layers}}", reference))


@pytest.mark.behaviour("B37", "B41", "B74")
async def test_130_rounds_keep_the_file_of_the_first_one_and_the_last_one_is_cloned_and_migrated(job: Job) -> None:
    faulthandler.dump_traceback_later(LIMIT_S, exit=True)
    most = 0
    for number in range(1, ROUNDS + 1):
        await job.start()
        await job.status("RUNNING")
        await put(await job.upstream(), f"round-{number}", str(number).encode())
        await job.stop()
        await job.status("STOPPED")
        most = max(most, await layers(job))
    assert most < 125
    await job.start()
    await job.status("RUNNING")
    for number in (1, 20, 91, ROUNDS):
        assert await get(await job.upstream(), f"round-{number}") == str(number).encode()
    await job.stop()
    await job.status("STOPPED")
    assert await get(await clone(job), "round-1") == b"1"
    await add_release(job, tiny_image(job.url))
    migration = await migrate(job)
    await migration.status("RUNNING")
    for number in (1, 20, 91, ROUNDS):
        assert await get(await migration.upstream(), f"round-{number}") == str(number).encode()


async def clone(job: Job) -> Any:
    """Returns the address of a running clone."""
    made = (await job.server.graphql(CLONE, {"id": job.studio}))["cloneStudio"]["studio"]["id"]

    async def running() -> bool:
        return bool((await job.server.graphql(STUDIO, {"id": made}))["studio"]["status"] == "RUNNING")

    await eventually(running)
    return await job.upstream_of(decode(made, "Studio"))
