"""The files of a session are put over a template, as a save of their own, by every kind of compute environment (B74)."""

import pytest

from services.compute.protocol import CheckpointMissing, Saved
from tests.compute.world import GRACE, World, get, put

pytestmark = pytest.mark.behaviour("B74")


async def source(world: World) -> Saved:
    name = world.name(1)
    await put(await world.start(name), "notes/a.txt", b"hello")
    await world.compute.stop(name, GRACE)
    saved = await world.save(name, "c1", interim=False)
    await world.compute.remove(name)
    return saved


async def target(world: World) -> str:
    return await world.compute.new_reference(world.name(2), "c2", interim=False)


async def test_the_new_save_stays_when_the_source_is_removed(world: World) -> None:
    saved, reference = await source(world), await target(world)
    made = await world.compute.rebase(saved, world.image, reference)
    assert (made.reference, made.reference == saved.reference) == (reference, False)
    await world.compute.remove_checkpoint(saved.reference)
    upstream = await world.start(world.name(2), base=made.reference, base_digest=made.digest)
    assert await get(upstream, "notes/a.txt") == b"hello"


async def test_it_is_made_again_after_a_crash_without_harm(world: World) -> None:
    saved, reference = await source(world), await target(world)
    first = await world.compute.rebase(saved, world.image, reference)
    again = await world.compute.rebase(saved, world.image, reference)
    assert (again.reference, again.digest) == (first.reference, first.digest)
    assert await world.compute.has_checkpoint(reference, first.digest)


async def test_a_source_that_is_gone_or_another_one_is_missing(world: World) -> None:
    saved, reference = await source(world), await target(world)
    with pytest.raises(CheckpointMissing):
        await world.compute.rebase(Saved(saved.reference, "sha256:" + "0" * 64, 0), world.image, reference)
    await world.compute.remove_checkpoint(saved.reference)
    with pytest.raises(CheckpointMissing):
        await world.compute.rebase(saved, world.image, reference)
