"""Archives made with programs and with Python alone hold the same, and come back whole."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.compute.process.extract import extract
from services.compute.process.pack import PackFailed, pack
from tests.compute.odd_tree import make_tree, picture

PROGRAM = Path(__file__).parents[2] / "services" / "compute" / "process" / "pack.py"
PLENTY = 1 << 30


@pytest.mark.parametrize("programs", [True, False])
def test_a_tree_comes_back_as_it_was(tmp_path: Path, programs: bool) -> None:
    tree, target = tmp_path / "tree", tmp_path / "target"
    make_tree(tree)
    target.mkdir()
    done = pack(tree, tmp_path / "archive", programs=programs)
    assert (tmp_path / "archive").stat().st_size == done.size < 100_000
    extract(tmp_path / "archive", target, PLENTY, 1000)
    assert picture(target) == picture(tree)
    assert (target / "workspace" / "sparse").stat().st_blocks < 1000


@pytest.mark.parametrize("programs", [True, False])
def test_the_same_tree_gives_the_same_archive(tmp_path: Path, programs: bool) -> None:
    make_tree(tmp_path / "tree")
    one = pack(tmp_path / "tree", tmp_path / "one", programs=programs)
    two = pack(tmp_path / "tree", tmp_path / "two", programs=programs)
    assert one.sum.hexdigest() == two.sum.hexdigest()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600


@pytest.mark.parametrize("programs", [True, False])
def test_sockets_and_pipes_do_not_hold_up_a_save(tmp_path: Path, programs: bool) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "target").mkdir()
    os.mkfifo(tmp_path / "tree" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        directory = os.open(tmp_path / "tree", os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{directory}/socket")
        os.close(directory)
        pack(tmp_path / "tree", tmp_path / "archive", programs=programs)
    extract(tmp_path / "archive", tmp_path / "target", PLENTY, 1000)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_directory_that_is_not_there_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(PackFailed, match="No such file"):
        pack(tmp_path / "none", tmp_path / "archive", programs=True)


def test_a_full_disk_leaves_no_part_behind(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "noise").write_bytes(os.urandom(1 << 20))
    argv = ["prlimit", "--fsize=100000", sys.executable, "-I", str(PROGRAM), str(tmp_path / "tree"), str(tmp_path / "part")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, "too large" in done.stdout) == (3, True), done
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


@given(st.dictionaries(st.text("ab/é .-", min_size=1, max_size=12), st.binary(max_size=20_000), max_size=6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_tree_comes_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], programs: bool) -> None:
    base = tmp_path_factory.mktemp("tree")
    tree, target = base / "tree", base / "target"
    tree.mkdir()
    target.mkdir()
    for name, data in files.items():
        path = tree / "/".join(f"_{part}" for part in name.split("/"))
        if not any(parent.is_file() for parent in path.parents) and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    pack(tree, base / "archive", programs=programs)
    extract(base / "archive", target, PLENTY, 1000)
    assert picture(target) == picture(tree)
