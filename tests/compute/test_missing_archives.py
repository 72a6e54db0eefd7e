"""Only a save that is positively not there, or is not what was saved, is missing; a directory that cannot be read tells nothing."""

import os
from pathlib import Path

import pytest

from services.compute.process import archives
from services.compute.protocol import CheckpointMissing, ComputeUnknown, SaveRequest
from tests.compute.world import GRACE, World

pytestmark = pytest.mark.behaviour("B39")


async def test_a_save_is_there_until_it_is_removed(world: World) -> None:
    name = world.name()
    await world.start(name)
    await world.compute.stop(name, GRACE)
    reference = await world.compute.new_reference(name, "c" * 32, interim=False)
    saved = await world.compute.save(SaveRequest(name, reference, interim=False))
    assert await world.compute.has_checkpoint(saved.reference, saved.digest)
    assert not await world.compute.has_checkpoint(saved.reference, "sha256:" + "0" * 64)
    await world.compute.remove_checkpoint(saved.reference)
    assert not await world.compute.has_checkpoint(saved.reference, saved.digest)


async def test_an_archive_that_cannot_be_read_is_not_missing(process_world: World, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = process_world.name()
    (root / "checkpoints").mkdir(parents=True)

    def fail(_path: Path) -> str:
        raise OSError(5, os.strerror(5))

    with pytest.raises(CheckpointMissing):
        await process_world.start(name, base="c.tar.zst")
    monkeypatch.setattr(archives, "file_digest", fail)
    with pytest.raises(ComputeUnknown, match="Input/output error"):
        await process_world.start(name, base="c.tar.zst")
    with pytest.raises(ComputeUnknown):
        await process_world.compute.has_checkpoint("c.tar.zst", None)
