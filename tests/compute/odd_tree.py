"""A small tree with everything that is hard to save: odd names, links, holes, and directories that cannot be written to."""

import os
import stat
from pathlib import Path


def picture(root: Path) -> dict[str, tuple[object, ...]]:
    """What a tree looks like to a session."""
    entries: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        info = path.lstat()
        what: object = path.readlink() if path.is_symlink() else path.read_bytes() if stat.S_ISREG(info.st_mode) else None
        time = None if path.is_symlink() else info.st_mtime_ns // 1000
        entries[os.fsencode(path.relative_to(root)).hex()] = (info.st_mode, what, time, 1 if path.is_dir() else info.st_nlink)
    return entries


def make_tree(root: Path) -> None:
    (root / "workspace" / "ü ñ\nx").mkdir(parents=True)
    (root / "home" / ".hidden").mkdir(parents=True, mode=0o700)
    (root / "workspace" / "a").write_bytes(b"a" * 100_000)
    (root / "workspace" / "empty").touch(0o600)
    (root / "workspace" / ("long" * 50)).write_text("x")
    (root / os.fsdecode(b"workspace/not-utf8-\xff")).write_text("x")
    os.link(root / "workspace" / "a", root / "home" / "a")
    (root / "home" / "link").symlink_to("../workspace/a")
    (root / "home" / "dangling").symlink_to("/nowhere/at/all")
    with (root / "workspace" / "sparse").open("wb") as file:
        file.truncate(50 << 20)
        file.seek(10 << 20)
        file.write(b"here")
    (root / "workspace" / "ro").mkdir()
    (root / "workspace" / "ro" / "x").write_text("x")
    (root / "workspace" / "ro").chmod(0o555)
