"""Copies of the files of a running session: whatever changes before the pause, they show the files as they are in it."""

import asyncio
import mmap
import os
import sqlite3
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.compute.process.archives import file_digest
from services.compute.process.extract import extract as unpack
from services.compute.staging.client import LiveDirectory, Staging, staging
from services.compute.staging.directories import StagingDirectories
from services.compute.staging.errors import StagingFailed
from tests.compute.changing_tree import ChangingTree, Facts, facts_of_tar, facts_of_tree
from tests.compute.odd_tree import make_tree, picture

KEY = "session"


class StagedSaver:
    """Saves the tree `live` again and again, as a session's saves do."""

    def __init__(self, directory: Path) -> None:
        self.live = directory / "live"
        self.live.mkdir()
        self.directories = StagingDirectories(directory / "staging")
        self.contents = directory / "staging" / KEY
        self._layer = directory / "layer.tar"

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[Staging]:
        live = LiveDirectory.of(self.live, is_overlay=True)
        async with self.directories.held(KEY) as held, staging(live, held.contents, held.lock) as copy:
            yield copy

    async def save(self, meanwhile: Callable[[], object] = lambda: None) -> Facts:
        """What is in a save; `meanwhile` happens after the files were copied and before the pause."""
        async with self.copy() as copy:
            await copy.prepare()
            await asyncio.to_thread(meanwhile)
            await copy.finish()
            return await self.layer(copy)

    async def layer(self, copy: Staging) -> Facts:
        layer = await copy.layer()
        data = b"".join([piece async for piece in layer.pieces()])
        assert len(data) == layer.length
        self._layer.write_bytes(data)
        return await asyncio.to_thread(facts_of_tar, self._layer)


@pytest.fixture
def saver(tmp_path: Path) -> StagedSaver:
    return StagedSaver(tmp_path)


@pytest.mark.behaviour("B30")
@pytest.mark.parametrize("seed", range(6))
async def test_a_save_shows_the_files_as_they_are_in_the_pause(saver: StagedSaver, seed: int) -> None:
    tree = ChangingTree(saver.live, seed)
    tree.change(150)
    for _ in range(6):
        saved = await saver.save(lambda: tree.change(40))
        assert saved == facts_of_tree(saver.live)
        tree.change(10)


async def test_the_next_save_copies_only_what_changed(saver: StagedSaver) -> None:
    for name in ("a", "b"):
        (saver.live / name).write_bytes(name.encode() * 1000)
        os.utime(saver.live / name, (0, 0))
    await settled(saver.live)
    await saver.save()
    before = copies(saver)
    (saver.live / "b").write_bytes(b"other")
    await settled(saver.live)
    await saver.save()
    assert len(copies(saver) & before) == 1


async def test_a_write_into_a_mapping_after_the_copy_is_in_the_save(saver: StagedSaver) -> None:
    """Without a write-back, only the first write into a page would change the file's time."""
    path = saver.live / "mapped"
    path.write_bytes(bytes(8192))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8192) as mapping:
        mapping[0:5] = b"first"
        await settled(saver.live)

        def write() -> None:
            mapping[0:5] = b"other"

        saved = await saver.save(write)
        assert saved == facts_of_tree(saver.live)
        mapping[0:5] = b"third"
        assert await saver.save() == facts_of_tree(saver.live)


@pytest.mark.behaviour("B30")
@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_a_database_that_is_written_meanwhile_opens_unharmed(saver: StagedSaver, tmp_path: Path, mode: str) -> None:
    """The pause is in the middle of a transaction: what was written to the disk until then is there, as after a power cut."""
    database = sqlite3.connect(saver.live / "data.db", check_same_thread=False, isolation_level=None)
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("PRAGMA cache_size=10")
    database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, number INTEGER, filling TEXT)")
    database.executemany("INSERT INTO row (number, filling) VALUES (?, ?)", [(1, "x" * 500) for _ in range(2000)])

    def write() -> None:
        for _ in range(3):
            database.execute("UPDATE row SET number = number + 1")
        database.execute("BEGIN")
        database.execute("UPDATE row SET number = number + 1, filling = filling || 'y'")

    await saver.save(write)
    restored = tmp_path / "restored"
    await asyncio.to_thread(extract, tmp_path / "layer.tar", restored)
    copy = sqlite3.connect(restored / "data.db")
    assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert copy.execute("SELECT DISTINCT number FROM row").fetchall() == [(4,)]
    copy.close()
    database.close()


async def test_deletions_and_opaque_directories_become_the_marker_files_of_layers(saver: StagedSaver) -> None:
    os.mknod(saver.live / "gone", 0o20000, os.makedev(0, 0))
    (saver.live / "new").mkdir()
    os.setxattr(saver.live / "new", "trusted.overlay.opaque", b"y")
    assert set(await saver.save()) == {".wh.gone", "new", "new/.wh..wh..opq"}


@pytest.mark.parametrize(
    "make",
    [
        lambda live: (live / ".wh.notes").touch(),
        lambda live: os.setxattr(live, "trusted.overlay.redirect", b"/elsewhere"),
        lambda live: os.setxattr(live, "trusted.overlay.opaque", b"x"),
        lambda live: os.makedirs(live / "/".join(["d"] * 300)),  # noqa: PTH103 - pathlib recurses
    ],
    ids=["reserved name", "redirect", "unknown value", "too deep"],
)
async def test_what_a_copy_would_not_show_truly_is_refused(saver: StagedSaver, make: Callable[[Path], object]) -> None:
    make(saver.live)
    with pytest.raises(StagingFailed):
        await saver.save()
    assert copies(saver) == set()


async def test_many_files_are_looked_through_by_several_processes(saver: StagedSaver) -> None:
    for number in range(40):
        (saver.live / f"d{number}").mkdir()
        for name in range(1000):
            (saver.live / f"d{number}" / f"f{name}").touch()

    def change() -> None:
        (saver.live / "d0" / "f0").write_bytes(b"changed")
        (saver.live / "d20" / "new").mkdir()
        (saver.live / "d39" / "f7").unlink()

    await settled(saver.live)
    saved = await saver.save(change)
    assert saved["d0/f0"] == (*facts_of_tree(saver.live / "d0")["f0"][:-1], "d0/f0")
    assert "d20/new" in saved
    assert "d39/f7" not in saved
    assert len(saved) == 40 * 1001


async def test_an_archive_of_the_process_kind_comes_back_as_the_tree_was(saver: StagedSaver, tmp_path: Path) -> None:
    target, again = tmp_path / "target", tmp_path / "again.tar.zst"
    target.mkdir()
    make_tree(saver.live)
    live = LiveDirectory.of(saver.live, is_overlay=False)
    async with saver.directories.held(KEY) as held, staging(live, held.contents, held.lock) as copy:
        await copy.prepare()
        await copy.finish()
        digest, size = await copy.archive(tmp_path / "one.tar.zst")
        assert (digest, size) == await copy.archive(again)
    assert (file_digest(again), status_of(again).st_size) == (digest, size)
    await asyncio.to_thread(unpack, again, target, 1 << 30, 1000)
    assert picture(target) == picture(saver.live)


async def test_a_program_that_ends_early_is_a_failure(saver: StagedSaver) -> None:
    async with saver.copy() as copy:
        await copy.prepare()
        await copy.send("nonsense")
        with pytest.raises(StagingFailed):
            await copy.finish()


def copies(saver: StagedSaver) -> set[tuple[str, int]]:
    return {(path.name, path.stat().st_ino) for path in saver.contents.glob("contents-*/*/*")}


async def settled(live: Path) -> None:
    """Waits until the file system's clock is past the times of the last changes."""
    probe = live.parent / "probe"
    newest = max(status_of(path).st_ctime_ns for path in await asyncio.to_thread(lambda: [live, *live.rglob("*")]))
    while True:
        probe.touch()
        if probe.stat().st_ctime_ns > newest + 30_000_000:
            return
        await asyncio.sleep(0.005)


def status_of(path: Path) -> os.stat_result:
    return path.lstat()


def extract(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="tar")
