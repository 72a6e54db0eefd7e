"""Checkpoints as images: what they add, which of them stay, and what an interrupted save leaves."""

import asyncio
import time

import pytest

from services.compute.docker import containers
from services.compute.protocol import ComputeUnknown, Presence, Saved, SaveRequest
from tests.compute.world import GRACE, World, get, put
from tests.docker.engine import paused
from tests.docker.tiny_image import docker
from tests.waiting import eventually

pytestmark = pytest.mark.docker
MIB = 1 << 20


def tags(world: World) -> set[str]:
    return set(docker("images", "--format", "{{.Tag}}", f"studiograph-{world.installation[:8]}/*").split())


async def saved(world: World, number: int, checkpoint: str, base: Saved | None = None, **files: bytes) -> Saved:
    """A session that writes these files and ends."""
    name = world.name(number)
    upstream = await world.start(name, base=base.reference if base else None, base_digest=base.digest if base else None)
    for path, data in files.items():
        await put(upstream, path, data)
    await world.compute.stop(name, GRACE)
    made = await world.save(name, checkpoint, interim=False)
    await world.compute.remove(name)
    return made


@pytest.mark.behaviour("B32")
async def test_the_size_is_what_a_checkpoint_adds(world: World) -> None:
    first = await saved(world, 1, "c1", a=b"a" * MIB)
    second = await saved(world, 2, "c2", first, b=b"b" * 10)
    assert MIB <= first.size < MIB + 100_000
    assert 10 <= second.size < 100_000


@pytest.mark.behaviour("B34")
async def test_nothing_is_committed_when_nothing_changed(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")
    first = await world.save(name, "c1", interim=True)
    began = f"{time.time():.6f}"
    assert await world.save(name, "c1", interim=True, recorded=first) == first
    await put(upstream, "a.txt", b"2")
    assert await world.save(name, "c1", interim=True, recorded=first) != first
    events = docker("events", "--filter", f"container={name}", "--since", began, "--until", str(int(time.time()) + 1))
    assert events.count(" pause ") == 1


async def test_what_a_killed_engine_had_not_named_yet_goes_with_the_session(world: World) -> None:
    await world.start(world.name(1))
    await world.start(world.name(2))
    mine, another = (docker("commit", str(world.name(number))) for number in (1, 2))
    await world.compute.remove(world.name(1))
    left = docker("images", "--quiet", "--no-trunc", "--filter", "dangling=true").split()
    assert mine not in left
    assert another in left
    await world.compute.remove(world.name(2))


@pytest.mark.behaviour("B33")
async def test_what_is_mounted_in_a_session_is_in_no_checkpoint(world: World) -> None:
    """Every container has a mount at /dev/shm; what a data-link mounts is one more."""
    name, again = world.name(1), world.name(2)
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"hello")
    docker("exec", str(name), "sh", "-c", "echo mounted >/dev/shm/a.txt")
    await world.compute.stop(name, GRACE)
    saved = await world.save(name, "c1", interim=False)
    await world.compute.remove(name)
    started = await world.start(again, base=saved.reference, base_digest=saved.digest)
    assert await get(started, "a.txt") == b"hello"
    assert docker("exec", str(again), "ls", "/dev/shm") == ""


@pytest.mark.behaviour("B30", "B34")
async def test_a_save_never_reads_a_session_that_another_save_lets_go_of(world: World) -> None:
    """A commit of a container that is paused already does not hold the pause: the first one's end would tear it."""
    name = world.name()
    await world.start(name)
    docker("exec", str(name), "dd", "if=/dev/zero", "of=/workspace/big", "bs=1M", "count=200")
    began = int(time.time())
    first = asyncio.create_task(world.save(name, "c1", interim=True))
    await eventually(lambda: paused(name))
    first.cancel()
    await asyncio.wait([first])
    saved = await world.save(name, "c1", interim=True)
    assert saved.size >= 200 * MIB
    assert not await paused(name)
    events = docker("events", "--filter", f"container={name}", "--since", str(began), "--until", str(int(time.time()) + 1))
    assert events.count(" commit ") == events.count(" pause ") == 2


@pytest.mark.behaviour("B9")
async def test_what_the_engine_made_of_a_save_that_was_given_up_has_the_name_that_was_written_before(world: World) -> None:
    """As when the stop was forced meanwhile."""
    name = world.name()
    await world.start(name)
    docker("exec", str(name), "dd", "if=/dev/zero", "of=/workspace/big", "bs=1M", "count=100")
    await world.compute.stop(name, GRACE)
    reference = await world.compute.new_reference(name, "c1", interim=False)
    save = asyncio.create_task(world.compute.save(SaveRequest(name, reference, interim=False)))
    await asyncio.wait([save], timeout=0.1)
    save.cancel()
    await asyncio.wait([save])
    assert save.cancelled()
    await world.compute.remove(name)
    assert tags(world) == {reference.rpartition(":")[2]}
    await world.compute.remove_checkpoint(reference)
    assert tags(world) == set()


@pytest.mark.behaviour("B12", "B30")
async def test_a_session_that_somebody_paused_is_saved_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_PAUSE_SECONDS", 0.3)
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"hello")
    docker("pause", str(name))
    assert await world.presence(name) is Presence.RUNNING
    assert await paused(name)
    await world.save(name, "c1", interim=True)
    assert await get(upstream, "a.txt") == b"hello"


@pytest.mark.behaviour("B35")
async def test_a_save_that_a_session_stands_on_cannot_go(world: World) -> None:
    base = await saved(world, 1, "c1", a=b"1")
    await world.start(world.name(2), base=base.reference, base_digest=base.digest)
    with pytest.raises(ComputeUnknown, match="still needed"):
        await world.compute.remove_checkpoint(base.reference)
    await world.compute.remove(world.name(2))
    await world.compute.remove_checkpoint(base.reference)
    assert tags(world) == set()


@pytest.mark.behaviour("B22")
async def test_a_child_outlives_its_parent(world: World) -> None:
    first = await saved(world, 1, "c1", a=b"1")
    second = await saved(world, 2, "c2", first, b=b"2")
    await world.compute.remove_checkpoint(first.reference)
    third = await saved(world, 3, "c3", second)
    assert tags(world) == {save.reference.rpartition(":")[2] for save in (second, third)}
    assert third.digest


@pytest.mark.behaviour("B34")
async def test_a_save_tells_how_long_the_session_stood_still(world: World) -> None:
    name = world.name()
    await put(await world.start(name), "a.bin", b"a" * MIB)
    began = f"{time.time():.6f}"
    saved_running = await world.save(name, "c1", interim=True)
    words = ("--filter", f"container={name}", "--since", began, "--until", f"{time.time():.6f}", "--format", "{{.TimeNano}}")
    paused, resumed = (int(docker("events", "--filter", f"event={event}", *words)) for event in ("pause", "unpause"))
    assert 0 < (resumed - paused) / 1e9 <= saved_running.pause_seconds
    await world.compute.stop(name, GRACE)
    assert (await world.save(name, "c1", interim=False)).pause_seconds == 0
