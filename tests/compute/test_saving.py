"""Saving and restoring sessions, over the protocol."""

import asyncio

import pytest

from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, Presence, Saved, SaveRequest
from tests.compute.world import GRACE, World, ask, ask_json, get, put
from tests.waiting import eventually


async def final(world: World, number: int = 1, checkpoint: str = "c1") -> Saved:
    name = world.name(number)
    await world.compute.stop(name, GRACE)
    return await world.save(name, checkpoint, interim=False)


@pytest.mark.behaviour("B8", "B10")
async def test_what_was_written_is_there_after_a_restart(world: World) -> None:
    upstream = await world.start(world.name(1))
    await put(upstream, "notes/a.txt", b"hello")
    saved = await final(world)
    assert saved.size > 0
    await world.compute.remove(world.name(1))
    upstream = await world.start(world.name(2), base=saved.reference, base_digest=saved.digest)
    assert await get(upstream, "notes/a.txt") == b"hello"


@pytest.mark.behaviour("B41", "B44")
async def test_a_clone_and_its_source_do_not_see_each_other(world: World) -> None:
    source = await world.start(world.name(1))
    await put(source, "a.txt", b"before")
    saved = await world.save(world.name(1), "c1", interim=True)
    clone = await world.start(world.name(1, "zyxwvtsrqpnm"), base=saved.reference, base_digest=saved.digest)
    await put(clone, "a.txt", b"clone")
    await put(source, "b.txt", b"source")
    assert await get(source, "a.txt") == b"before"
    assert await get(clone, "b.txt") is None


@pytest.mark.behaviour("B30", "B34")
async def test_a_running_session_is_saved_and_runs_on(world: World) -> None:
    upstream = await world.start(world.name(1), TINY_CHILDREN="1", TINY_DAEMONS="1")
    await put(upstream, "a.txt", b"1")
    before = await ask_json(upstream, "/pids")
    first = await world.save(world.name(1), "c1", interim=True)
    assert await ask_json(upstream, "/pids") == before
    await put(upstream, "a.txt", b"2")
    second = await world.save(world.name(1), "c1", interim=True)
    clone = await world.start(world.name(2), base=second.reference, base_digest=second.digest)
    assert await get(clone, "a.txt") == b"2"
    old = await world.start(world.name(3), base=first.reference, base_digest=first.digest)
    assert await get(old, "a.txt") == b"1"


@pytest.mark.behaviour("B34")
async def test_an_interim_save_without_changes_is_the_recorded_one(world: World) -> None:
    await put(await world.start(world.name()), "a.txt", b"1")
    interim = await world.save(world.name(), "c1", interim=True)
    assert await world.save(world.name(), "c1", interim=True, recorded=interim) == interim


@pytest.mark.behaviour("B12")
async def test_what_a_crashed_tool_wrote_is_saved(world: World) -> None:
    name = world.name(1)
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"hello")
    await ask(upstream, "GET", "/exit?code=1")
    await world.ended(name)
    saved = await world.save(name, "c1", interim=False)
    upstream = await world.start(world.name(2), base=saved.reference, base_digest=saved.digest)
    assert await get(upstream, "a.txt") == b"hello"


@pytest.mark.behaviour("B30")
async def test_a_missing_checkpoint_is_told(world: World) -> None:
    await world.start(world.name(1))
    saved = await final(world)
    await world.compute.remove_checkpoint(saved.reference)
    await world.compute.remove_checkpoint(saved.reference)
    with pytest.raises(CheckpointMissing):
        await world.start(world.name(2), base=saved.reference, base_digest=saved.digest)
    assert await world.presence(world.name(2)) is Presence.ABSENT


@pytest.mark.behaviour("B30")
async def test_a_checkpoint_that_is_not_what_was_saved_is_refused(world: World) -> None:
    await world.start(world.name(1))
    saved = await final(world)
    with pytest.raises(CheckpointMissing):
        await world.start(world.name(2), base=saved.reference, base_digest="sha256:" + "0" * 64)


@pytest.mark.behaviour("B30")
async def test_removing_the_former_save_never_takes_the_newest(world: World) -> None:
    name = world.name(1)
    upstream = await world.start(name)
    first = await world.save(name, "c1", interim=True)
    await put(upstream, "a.txt", b"1")
    second = await world.save(name, "c1", interim=True)
    await world.compute.stop(name, GRACE)
    last = await world.save(name, "c1", interim=False)
    for former in (first, second):
        await world.compute.remove_checkpoint(former.reference)
    assert await get(await world.start(world.name(2), base=last.reference, base_digest=last.digest), "a.txt") == b"1"


@pytest.mark.behaviour("B30")
async def test_a_save_takes_no_other_away(world: World) -> None:
    """Not even one that a controller which was frozen meanwhile knows nothing of: the successor may have recorded it."""
    name = world.name(1)
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")
    recorded = await world.save(name, "c1", interim=True)
    await put(upstream, "b.txt", b"2")
    await world.save(name, "c1", interim=True)
    await world.compute.stop(name, GRACE)
    await world.save(name, "c1", interim=False)
    await world.compute.remove(name)
    again = await world.start(world.name(2), base=recorded.reference, base_digest=recorded.digest)
    assert await get(again, "a.txt") == b"1"


@pytest.mark.behaviour("B31")
async def test_a_finished_save_is_found_by_its_checkpoint_and_not_made_again(world: World) -> None:
    name = world.name(1)
    await put(await world.start(name), "a.txt", b"1")
    await world.save(name, "c1", interim=True)
    assert await world.compute.final_saves(name, "c1") == []
    saved = await final(world)
    await world.compute.remove(name)
    assert await world.compute.final_saves(name, "c1") == [saved.reference]
    assert await world.compute.save(SaveRequest(name, saved.reference, interim=False)) == saved
    assert saved.reference in await world.compute.checkpoints()


async def test_a_session_that_runs_has_no_final_save(world: World) -> None:
    await world.start(world.name())
    with pytest.raises(ComputeUnknown, match="not ended"):
        await world.save(world.name(), "c1", interim=False)


async def test_an_absent_session_cannot_be_saved(world: World) -> None:
    with pytest.raises(ComputeFailed):
        await world.save(world.name(), "c1", interim=False)


@pytest.mark.behaviour("B34")
@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1])
async def test_a_cancelled_save_leaves_the_session_running(world: World, after: float) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1" * 100_000)
    save = asyncio.create_task(world.save(name, "c1", interim=True))
    await asyncio.wait([save], timeout=after)
    save.cancel()
    await asyncio.wait([save])
    assert (await eventually(lambda: ask(upstream, "GET", "/")))[0] == 200
    assert (await world.save(name, "c1", interim=True)).size > 0


async def test_a_check_does_not_disturb_a_save(world: World) -> None:
    await put(await world.start(world.name()), "a.txt", b"1")
    saves = [asyncio.create_task(world.save(world.name(), f"c{n}", interim=True)) for n in range(4)]
    while not all(save.done() for save in saves):
        await world.compute.check()
    assert len({save.result().reference for save in saves}) == 4
