"""Saves of running sessions of the process kind, which freeze a session only while what changed last is copied."""

import asyncio
import os
from pathlib import Path

import pytest

from services.compute.staging.client import Staging
from services.compute.staging.errors import TreeNotSupported
from tests.compute.world import World, get, put

MIB = 1 << 20


@pytest.mark.behaviour("B30", "B34")
async def test_a_session_with_much_data_is_frozen_shortly(process_world: World, root: Path) -> None:
    first, second = process_world.name(1), process_world.name(2)
    upstream = await process_world.start(first)
    await asyncio.to_thread((workspace(root) / "big").write_bytes, os.urandom(100 * MIB))
    await process_world.save(first, "c1", interim=True)
    await put(upstream, "small.txt", b"new")
    saved = await process_world.save(first, "c1", interim=True)
    assert 0 < saved.pause_seconds < 0.5
    assert saved.size >= 100 * MIB
    clone = await process_world.start(second, base=saved.reference, base_digest=saved.digest)
    assert await get(clone, "small.txt") == b"new"


async def test_what_cannot_be_copied_before_is_saved_in_a_longer_freeze(
    process_world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(copy: Staging) -> None:
        raise TreeNotSupported("as on another file system")

    monkeypatch.setattr(Staging, "prepare", refuse)
    name = process_world.name(1)
    upstream = await process_world.start(name)
    await put(upstream, "a.txt", b"hello")
    saved = await process_world.save(name, "c1", interim=True)
    clone = await process_world.start(process_world.name(2), base=saved.reference, base_digest=saved.digest)
    assert await get(clone, "a.txt") == b"hello"


async def test_the_copies_go_with_the_session(process_world: World, root: Path) -> None:
    name = process_world.name()
    await put(await process_world.start(name), "a.txt", b"hello")
    await process_world.save(name, "c1", interim=True)
    assert copies(root)
    await process_world.compute.remove(name)
    assert not copies(root)


def workspace(root: Path) -> Path:
    return next(root.glob("sessions/sg-*/files/workspace"))


def copies(root: Path) -> list[Path]:
    return list(root.glob("sessions/*/staging"))
