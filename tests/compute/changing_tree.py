"""A tree that is changed at random in every way that a session can change its files, and what a tree has, for a comparison."""

import hashlib
import os
import random
import shutil
import stat
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Facts = dict[str, tuple[object, ...]]
CONTENT_BYTES = 5000


class ChangingTree:
    """A tree below `root`, and a source of changes that are the same for the same `seed`."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self._random = random.Random(seed)
        self._changes: list[Callable[[], None]] = [
            self._create,
            self._create,
            self._make_directory,
            self._write_in_place,
            self._write_in_place_with_former_times,
            self._append,
            self._truncate,
            self._remove,
            self._rename,
            self._replace_by_rename,
            self._link,
            self._symlink,
            self._chmod,
            self._change_type,
            self._make_fifo,
            self._make_hole,
            self._swap_directories,
        ]

    def change(self, count: int) -> None:
        for _ in range(count):
            with suppress(OSError):  # as where the lowest layers of an overlay have a directory that is to be renamed
                self._random.choice(self._changes)()

    def _paths(self, is_kind: Callable[[int], bool]) -> list[Path]:
        return [path for path in sorted(self.root.rglob("*")) if is_kind(path.lstat().st_mode)]

    def _any(self, is_kind: Callable[[int], bool]) -> Path | None:
        paths = self._paths(is_kind)
        return self._random.choice(paths) if paths else None

    def _new(self) -> Path:
        parent = self._random.choice([self.root, *self._paths(stat.S_ISDIR)])
        name = self._random.choice(["a", "b c", "ü", "\udce4", "'\"\n", "long" * 40]) + str(self._random.randrange(10_000))
        return parent / name

    def _data(self) -> bytes:
        return self._random.randbytes(self._random.randrange(CONTENT_BYTES))

    def _create(self) -> None:
        self._new().write_bytes(self._data())

    def _make_directory(self) -> None:
        self._new().mkdir(mode=self._random.choice([0o700, 0o755, 0o1777]))

    def _write_in_place(self) -> None:
        if path := self._any(stat.S_ISREG):
            with path.open("r+b") as file:
                file.write(self._data())

    def _write_in_place_with_former_times(self) -> None:
        """Neither the size nor the time of modification tells of it."""
        if path := self._any(stat.S_ISREG):
            before = path.stat()
            path.write_bytes(self._random.randbytes(before.st_size))
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _append(self) -> None:
        if path := self._any(stat.S_ISREG):
            with path.open("ab") as file:
                file.write(self._data())

    def _truncate(self) -> None:
        if path := self._any(stat.S_ISREG):
            os.truncate(path, self._random.randrange(CONTENT_BYTES))

    def _remove(self) -> None:
        if path := self._any(lambda mode: True):
            shutil.rmtree(path) if stat.S_ISDIR(path.lstat().st_mode) else path.unlink()

    def _rename(self) -> None:
        path, target = self._any(lambda mode: True), self._new()
        if path and path not in target.parents and not target.exists():
            path.rename(target)

    def _replace_by_rename(self) -> None:
        if path := self._any(stat.S_ISREG):
            new = path.with_name(".new")
            new.write_bytes(self._data())
            new.rename(path)

    def _link(self) -> None:
        path, target = self._any(stat.S_ISREG), self._new()
        if path and not target.exists():
            target.hardlink_to(path)

    def _symlink(self) -> None:
        target = self._new()
        if not os.path.lexists(target):
            target.symlink_to(self._random.choice(["/etc", "..", "nothing", "/etc/passwd"]))

    def _chmod(self) -> None:
        if path := self._any(lambda mode: not stat.S_ISLNK(mode)):
            path.chmod(self._random.choice([0o700, 0o755, 0o4755, 0o1700]))

    def _change_type(self) -> None:
        """A directory becomes a link, and another one of the same name a file: what a copy must not follow."""
        if path := self._any(stat.S_ISDIR):
            shutil.rmtree(path)
            self._random.choice([_make_link, _make_file, _make_directory])(path)

    def _make_fifo(self) -> None:
        target = self._new()
        if not os.path.lexists(target):
            os.mkfifo(target)

    def _make_hole(self) -> None:
        with self._new().open("wb") as file:
            file.seek(1 << 20)
            file.write(b"after a hole")

    def _swap_directories(self) -> None:
        first, second = self._any(stat.S_ISDIR), self._any(stat.S_ISDIR)
        if first and second and first not in (second, *second.parents) and second not in first.parents:
            between = self.root / ".between"
            first.rename(between)
            second.rename(first)
            between.rename(second)


def _make_link(path: Path) -> None:
    path.symlink_to("/etc")


def _make_file(path: Path) -> None:
    path.write_bytes(b"file")


def _make_directory(path: Path) -> None:
    path.mkdir()


def facts_of_tree(root: Path) -> Facts:
    """What each path is, without its times; files of one inode have the same first name."""
    facts: Facts = {}
    first: dict[int, str] = {}
    for path in sorted(root.rglob("*"), key=lambda path: os.fsencode(path.relative_to(root)).split(b"/")):
        status, name = path.lstat(), str(path.relative_to(root))
        kind = stat.S_IFMT(status.st_mode)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(kind) else ""
        target = str(path.readlink()) if stat.S_ISLNK(kind) else ""
        of = first.setdefault(status.st_ino, name) if not stat.S_ISDIR(kind) else name
        facts[name] = (kind, stat.S_IMODE(status.st_mode), status.st_uid, int(status.st_mtime), content, target, of)
    return facts


def facts_of_tar(path: Path) -> Facts:
    """The same of a tar."""
    facts: Facts = {}
    kinds = {tarfile.REGTYPE: stat.S_IFREG, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.FIFOTYPE: stat.S_IFIFO, tarfile.DIRTYPE: stat.S_IFDIR}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.islnk():
                facts[member.name] = facts[member.linkname]
                continue
            content = archive.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else ""
            mode = (kinds[member.type], member.mode, member.uid, int(member.mtime))
            facts[member.name] = (*mode, digest, member.linkname, member.name)
    return facts
