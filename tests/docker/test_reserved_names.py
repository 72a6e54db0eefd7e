"""Files whose names mean deletions in an image layer: nothing is saved that other files would be missing from."""

import re
from pathlib import Path

import pytest

from services.compute.protocol import ComputeFailed, Saved
from tests.compute.world import GRACE, World, get, put
from tests.docker.server import docker_job
from tests.docker.tiny_image import docker, tool_command

pytestmark = pytest.mark.docker
MAKE = """
import os
os.makedirs("/workspace/data/.wh.below")
for name in (".wh.notes.txt", ".who.txt", "data/.wh..wh..opq", "data/.wh.below/.wh.deeper", 'data/.wh."},{"'):
    open(f"/workspace/{name}", "w").close()
"""
NAMED = ["/workspace/.wh.notes.txt", r"/workspace/data/.wh.\"},{\"", "/workspace/data/.wh..wh..opq", "/workspace/data/.wh.below"]
RENAME = b"rm -rf /workspace/data/.wh.*; mv /workspace/.wh.notes.txt /workspace/mine.txt; exit\n#studiograph-loaded"


async def session(world: World) -> str:
    """A session with such files and an ordinary one, which is in the checkpoint from which it started."""
    upstream = await world.start(world.name(1))
    await put(upstream, "notes.txt", b"important")
    base = await saved(world, 1)
    await world.start(world.name(2), base=base.reference)
    make(world, MAKE)
    return str(world.name(2))


def make(world: World, program: str) -> None:
    docker("exec", str(world.name(2)), tool_command()[0], "-c", program)


async def saved(world: World, number: int) -> Saved:
    await world.compute.stop(world.name(number), GRACE)
    return await world.save(world.name(number), f"c{number}", interim=False)


@pytest.mark.behaviour("B8")
@pytest.mark.parametrize("interim", [True, False])
async def test_a_save_fails_and_names_the_outermost_of_them(world: World, interim: bool) -> None:
    container = await session(world)
    if not interim:
        await world.compute.stop(world.name(2), GRACE)
    with pytest.raises(ComputeFailed) as failed:
        await world.save(world.name(2), "c2", interim=interim)
    assert re.findall(r'"(/.+?)"(?:, |\. )', failed.value.message) == NAMED
    assert docker("images", "--quiet", f"studiograph-{world.installation[:8]}/*:c2-*") == ""
    assert docker("ps", "--all", "--quiet", "--filter", f"name={container}") != ""


async def test_they_are_renamed_after_the_session_ended_as_the_documents_say(world: World) -> None:
    container = await session(world)
    with pytest.raises(ComputeFailed):
        await saved(world, 2)
    docker("start", "--attach", "--interactive", container, data=RENAME)
    base = await saved(world, 2)
    upstream = await world.start(world.name(3), base=base.reference)
    assert (await get(upstream, "notes.txt"), await get(upstream, "mine.txt")) == (b"important", b"")
    assert await get(upstream, ".who.txt") == b""


@pytest.mark.behaviour("B8", "B31")
async def test_a_stop_names_them_and_a_start_goes_on_once_they_are_renamed(tmp_path: Path, sqlite_url: str) -> None:
    async with docker_job(tmp_path, sqlite_url) as job:
        await job.start()
        await job.status("RUNNING")
        await put(await job.upstream(), "notes.txt", b"important")
        await put(await job.upstream(), ".wh.notes.txt", b"mine")
        await job.stop()
        studio = await job.status("ERRORED")
        assert studio["stopReason"] == "SAVE_FAILED"
        assert '"/workspace/.wh.notes.txt"' in studio["statusMessage"]
        [container] = job.containers()
        docker("start", "--attach", "--interactive", container, data=RENAME)
        await job.start()
        await job.status("RUNNING")
        assert await get(await job.upstream(), "notes.txt") == b"important"
        assert await get(await job.upstream(), "mine.txt") == b"mine"


async def test_more_of_them_than_a_message_holds_are_counted(world: World) -> None:
    await session(world)
    make(world, "for n in range(100): open(f'/workspace/.wh.{n:03}', 'w').close()")
    with pytest.raises(ComputeFailed, match="and 99 more"):
        await saved(world, 2)


async def test_those_that_a_session_removed_are_no_obstacle(world: World) -> None:
    await session(world)
    make(world, "import os, shutil; os.remove('/workspace/.wh.notes.txt'); shutil.rmtree('/workspace/data')")
    assert (await saved(world, 2)).digest
