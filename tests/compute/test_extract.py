"""No archive makes the extractor touch anything outside, and ordinary trees come back as they were."""

import io
import stat
import subprocess
import sys
import tarfile
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from services.compute.process.extract import UnsafeArchive, extract

PROGRAM = Path(__file__).parents[2] / "services" / "compute" / "process" / "extract.py"
LONG = "n" * 200
LETTERS = "abcdefghijklmnop"
PLENTY = 1 << 30


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"evil", mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, link, mode
    member.size = len(data) if kind == tarfile.REGTYPE else 0
    return member, data


def directory(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.DIRTYPE, mode=mode)


def symlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.SYMTYPE, target)


def hardlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.LNKTYPE, target)


def write(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data) if member.isreg() else None)
    path.write_bytes(zstandard.compress(raw.getvalue()))
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory beside the target that must not change."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (outside / "precious").write_text("precious")
    before = snapshot(outside)
    yield outside
    assert snapshot(outside) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"outside", "target", "archive"}


def snapshot(path: Path) -> list[tuple[str, int, int, bytes]]:
    return [
        (str(p), p.lstat().st_mode, p.lstat().st_nlink, p.read_bytes() if p.is_file() and not p.is_symlink() else b"")
        for p in sorted([path, *path.rglob("*")])
    ]


def deep(levels: int) -> list[tuple[tarfile.TarInfo, bytes]]:
    """Directories of long names and short links to them, until a resolved path is longer than any path may be (CVE-2025-4517)."""
    members, path = [], ""
    for letter in LETTERS[:levels]:
        members += [directory(f"{path}{LONG}"), symlink(f"{path}{letter}", LONG)]
        path += f"{letter}/"
    return members


HOSTILE = {
    "parent": [entry("../x")],
    "parent within": [directory("a"), entry("a/../../x")],
    "absolute": [entry("/x")],
    "link out, then through it": [symlink("a", "../outside"), entry("a/x")],
    "absolute link, then through it": [symlink("a", "OUTSIDE"), entry("a/x")],
    "two steps": [directory("d"), symlink("d/up", ".."), symlink("out", "d/up/../outside"), entry("out/x")],
    "link to a file, then write": [symlink("a", "../outside/precious"), entry("a")],
    "hard link out": [hardlink("a", "../outside/precious"), entry("a")],
    "absolute hard link out": [hardlink("a", "OUTSIDE/precious"), entry("a")],
    "hard link to what is there already": [hardlink("a", "precious")],
    "hard link through a link": [symlink("a", "../outside"), hardlink("b", "a/precious"), entry("b")],
    "hard link to a link, then write": [symlink("a", "../outside/precious"), hardlink("b", "a"), entry("b")],
    "long names": [*deep(16), symlink(f"{'/'.join(LETTERS)}/{LONG}", "../" * 16), symlink("esc", "a/b/../../outside"), entry("esc/x")],
    "directory over a link": [symlink("a", "../outside"), directory("a", 0o777)],
    "directory below a file": [entry("a"), directory("a/b")],
    "file below nothing": [entry("a/b")],
    "twice": [entry("a"), entry("a")],
    "twice by another spelling": [entry("a"), entry("./a")],
    "the root as a file": [entry(".")],
    "the root as a link": [symlink(".", "../outside"), entry("x")],
    "too many": [entry(f"f{n}") for n in range(101)],
    "too large": [entry("zeros", data=bytes(1 << 21))],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(name: str, tmp_path: Path, outside: Path) -> None:
    members = HOSTILE[name]
    for member, _ in members:
        member.linkname = member.linkname.replace("OUTSIDE", str(outside))
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(UnsafeArchive):
        extract(write(tmp_path / "archive", members), target, 1 << 20, 100)


@pytest.mark.parametrize("content", [b"", b"not zstd", zstandard.compress(b"not tar" * 1000)[:50]])
def test_damaged_archives_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(content)
    (tmp_path / "target").mkdir()
    done = run(tmp_path)
    assert done.returncode == 3, done


def test_an_enormous_header_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("a")
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 2 << 30
    compressor = zstandard.ZstdCompressor()
    with (tmp_path / "archive").open("wb") as file, compressor.stream_writer(file) as stream:
        stream.write(header.tobuf())
        for _ in range(2 << 10):
            stream.write(bytes(1 << 20))
        stream.write(member.tobuf())
    (tmp_path / "target").mkdir()
    assert run(tmp_path).returncode == 3


def test_a_file_needs_little_memory_so_that_millions_can_be_restored(tmp_path: Path) -> None:
    many = 3000
    members = [entry(f"file-{n:06}", data=b"") for n in range(many)]
    for member, _ in members:
        member.mtime = 1_000_000_000.5
    archive = write(tmp_path / "archive", members)
    del members, member
    (tmp_path / "target").mkdir()
    tracemalloc.start()
    try:
        extract(archive, tmp_path / "target", PLENTY, many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / many < 400


def run(path: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", str(PROGRAM), str(path / "archive"), str(path / "target"), str(PLENTY), "1000"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_an_ordinary_virtual_environment_comes_back(tmp_path: Path) -> None:
    members = [
        directory("env"),
        directory("env/bin"),
        symlink("env/bin/python", "/usr/bin/python3"),
        symlink("env/lib64", "lib"),
        directory("env/lib"),
    ]
    target = tmp_path / "target"
    target.mkdir()
    extract(write(tmp_path / "archive", members), target, PLENTY, 100)
    assert (target / "env/bin/python").readlink() == Path("/usr/bin/python3")
    assert (target / "env/lib64").readlink() == Path("lib")


def test_devices_pipes_and_set_user_id_bits_are_left_out(tmp_path: Path) -> None:
    members = [entry("pipe", tarfile.FIFOTYPE), entry("device", tarfile.CHRTYPE), hardlink("same", "pipe"), entry("su", mode=0o6755)]
    target = tmp_path / "target"
    target.mkdir()
    extract(write(tmp_path / "archive", members), target, PLENTY, 100)
    assert [path.name for path in target.iterdir()] == ["su"]
    assert stat.S_IMODE((target / "su").stat().st_mode) == 0o755


def test_times_modes_links_and_holes_come_back(tmp_path: Path) -> None:
    file, data = entry("d/f", data=b"x" * 5000 + bytes(200_000) + b"y", mode=0o640)
    file.mtime = 1_000_000_000.5
    folder, _ = directory("d", 0o550)
    folder.mtime = 1_000_000_001
    target = tmp_path / "target"
    target.mkdir()
    extract(
        write(tmp_path / "archive", [(folder, b""), (file, data), hardlink("d/g", "d/f"), symlink("d/s", "f"), hardlink("d/t", "d/s")]),
        target,
        PLENTY,
        100,
    )
    assert (target / "d/f").read_bytes() == data
    assert (target / "d/f").stat().st_mtime == 1_000_000_000.5
    assert (target / "d").stat().st_mtime == 1_000_000_001
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o550
    assert (target / "d/g").samefile(target / "d/f")
    assert (target / "d/s").readlink() == (target / "d/t").readlink() == Path("f")
    assert (target / "d/f").stat().st_blocks * 512 < 150_000


NAMES = st.sampled_from(
    ["a", "b", "a/b", "a/b/c", "../outside", "../outside/precious", "./a", "a/../b", ".", "..", "", "/tmp/never-written", "b/a", "a//b"]
)
MEMBERS = st.lists(
    st.one_of(
        st.builds(directory, NAMES, st.sampled_from([0o755, 0o777])),
        st.builds(entry, NAMES, data=st.binary(max_size=10)),
        st.builds(symlink, NAMES, st.one_of(NAMES, st.just("../outside"), st.just("/"))),
        st.builds(hardlink, NAMES, NAMES),
        st.builds(entry, NAMES, st.just(tarfile.FIFOTYPE)),
    ),
    max_size=8,
)


@given(MEMBERS)
@settings(max_examples=300, deadline=None)
def test_nothing_outside_changes_whatever_is_in_the_archive(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "outside").mkdir()
        (base / "outside" / "precious").write_text("precious")
        before = snapshot(base / "outside")
        (base / "target").mkdir()
        archive = write(base / "archive", members)
        with suppress(UnsafeArchive, OSError):
            extract(archive, base / "target", PLENTY, 100)
        assert snapshot(base / "outside") == before
        assert sorted(path.name for path in base.iterdir()) == ["archive", "outside", "target"]
        assert not Path("/tmp/never-written").exists()
        for path in (base / "target").rglob("*"):
            assert path.is_symlink() or not path.is_file() or path.stat().st_nlink == len(_names_of(base / "target", path))


def _names_of(base: Path, path: Path) -> list[Path]:
    return [other for other in base.rglob("*") if other.lstat().st_ino == path.lstat().st_ino]
