"""Reads the metadata of a tree that somebody else may change meanwhile, and brings what was read up to date. Follows no link.

A change is recognized by the change time (ctime) of an inode, which no program can set. A time that is not older than the beginning of
the reading proves nothing, because a later change may get the same one; such entries are read again each time.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from services.compute.staging.errors import TreeNotSupported

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_DEPTH = 200
"""How many directories may be nested. A deeper tree is saved in another way: each level takes a descriptor while it is read."""
NS_PER_SECOND = 10**9
TICK_NS = 20_000_000
"""By how much the clock of change times may be late: kernels advance it at least every 10 ms."""
OVERLAY_PREFIX, OPAQUE = "trusted.overlay.", "trusted.overlay.opaque"
IGNORED_ATTRIBUTES = {f"trusted.overlay.{name}" for name in ("origin", "impure", "nlink", "upper", "uuid")}
CAPABILITY = "security.capability"


class FileStatus(NamedTuple):
    """The metadata of an inode; times are in nanoseconds."""

    inode: int
    changed: int
    mode: int
    uid: int
    gid: int
    size: int
    modified: int
    links: int
    device: int

    @classmethod
    def of(cls, found: os.stat_result) -> "FileStatus":
        return cls(
            found.st_ino,
            found.st_ctime_ns,
            found.st_mode,
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_mtime_ns,
            found.st_nlink,
            found.st_rdev,
        )

    @property
    def has_content(self) -> bool:
        return self.size > 0 and stat.S_ISREG(self.mode)

    @property
    def is_whiteout(self) -> bool:
        """Whether overlayfs deletes by it a file of the layers below."""
        return stat.S_ISCHR(self.mode) and self.device == 0


@dataclass(slots=True)
class FileEntry:
    """Anything but a directory. `target` is that of a symbolic link, `capability` the attribute `security.capability`."""

    status: FileStatus
    target: str = ""
    capability: bytes | None = None


@dataclass(slots=True)
class DirectoryEntry:
    """A directory with what is in it. `is_opaque`: it hides what the layers below have in it."""

    status: FileStatus
    is_opaque: bool = False
    files: dict[str, FileEntry] = field(default_factory=dict)
    directories: dict[str, "DirectoryEntry"] = field(default_factory=dict)


class LiveTree:
    """The tree below the directory `root_fd`. `is_overlay`: it is the upper directory of an overlayfs, whose attributes have a meaning."""

    def __init__(self, root_fd: int, *, is_overlay: bool) -> None:
        self.root_fd = root_fd
        self.root = DirectoryEntry(FileStatus.of(os.fstat(root_fd)))
        self._is_overlay = is_overlay
        self._settled_before = self._reusable_before = 0

    def scan(self) -> None:
        """Reads the whole tree. Raises TreeNotSupported, OSError."""
        self.mark_time()
        self.root = self._read(self.root_fd, 0, None)

    def mark_time(self) -> None:
        """Begins a pass: entries that are read in it are settled if they have not changed since its beginning."""
        self._reusable_before, self._settled_before = self._settled_before, time.clock_gettime_ns(time.CLOCK_REALTIME) - TICK_NS

    def is_settled(self, changed: int) -> bool:
        """Returns whether a change after this pass would show as a change time other than `changed`."""
        return _is_before(changed, self._settled_before)

    def walk(self) -> Iterator[tuple[str, DirectoryEntry]]:
        """Yields every directory with its path ("" is the root), each before those in it."""
        return walk_below("", self.root)

    def find(self, path: str) -> DirectoryEntry | None:
        found: DirectoryEntry | None = self.root
        for name in path.split("/") if path else ():
            found = found.directories.get(name) if found else None
        return found

    def reread(self, path: str) -> list[tuple[str, DirectoryEntry]]:
        """Reads a directory again, with those in it that are new. Returns what was read; nothing if the directory is gone."""
        known = self.find(path)
        if known is None:
            return []
        with OpenDirectories(self.root_fd) as opener:
            descriptor = opener.open(path, known.status.inode)
            if descriptor is None:
                return []
            fresh = self._read(descriptor, path.count("/") + 1 if path else 0, known)
        kept = {id(directory) for directory in known.directories.values()}
        known.status, known.is_opaque = fresh.status, fresh.is_opaque
        known.files, known.directories = fresh.files, fresh.directories
        new = [(join(path, name), below) for name, below in known.directories.items() if id(below) not in kept]
        return [(path, known), *(item for place, below in new for item in walk_below(place, below))]

    def _read(self, descriptor: int, depth: int, known: DirectoryEntry | None) -> DirectoryEntry:
        """Reads an open directory, its status first: what changes while it is listed has a later change time then."""
        if depth > MAX_DEPTH:
            raise TreeNotSupported("directories are nested too deeply")
        found = DirectoryEntry(FileStatus.of(os.fstat(descriptor)))
        if self._is_overlay:
            found.is_opaque = self._opaque(f"/proc/self/fd/{descriptor}")
        with os.scandir(descriptor) as entries:
            names = [entry.name for entry in entries]
        for name in sorted(names, key=os.fsencode):
            try:
                self._add(descriptor, name, depth, found, known)
            except FileNotFoundError:
                continue  # removed meanwhile, by which the directory changed: it will be read again
        return found

    def _add(self, parent: int, name: str, depth: int, found: DirectoryEntry, known: DirectoryEntry | None) -> None:
        status = FileStatus.of(os.stat(name, dir_fd=parent, follow_symlinks=False))
        if stat.S_ISDIR(status.mode):
            same = known.directories.get(name) if known else None
            found.directories[name] = same if same and same.status.inode == status.inode else self._read_below(parent, name, depth)
            return
        former = known.files.get(name) if known else None
        if former and former.status == status and _is_before(status.changed, self._reusable_before):
            found.files[name] = former
        else:
            found.files[name] = self._file(parent, name, status)

    def _read_below(self, parent: int, name: str, depth: int) -> DirectoryEntry:
        descriptor = _open_directory(parent, name)
        try:
            return self._read(descriptor, depth + 1, None)
        finally:
            os.close(descriptor)

    def _file(self, parent: int, name: str, status: FileStatus) -> FileEntry:
        if self._is_overlay and not status.is_whiteout and name.startswith(".wh."):
            raise TreeNotSupported("a file has a name that is reserved in layers")
        if stat.S_ISLNK(status.mode):
            return FileEntry(status, os.readlink(name, dir_fd=parent))
        if not self._is_overlay or not stat.S_ISREG(status.mode):
            return FileEntry(status)
        path = f"/proc/self/fd/{parent}/{name}"
        names = self._attributes(path)
        return FileEntry(status, capability=os.getxattr(path, CAPABILITY, follow_symlinks=False) if CAPABILITY in names else None)

    def _opaque(self, path: str) -> bool:
        if OPAQUE not in self._attributes(path, follow=True):
            return False
        if os.getxattr(path, OPAQUE) != b"y":
            raise TreeNotSupported("a directory has an attribute of overlayfs with an unknown value")
        return True

    def _attributes(self, path: str, *, follow: bool = False) -> list[str]:
        names = os.listxattr(path, follow_symlinks=follow)
        if any(name.startswith(OVERLAY_PREFIX) and name != OPAQUE and name not in IGNORED_ATTRIBUTES for name in names):
            raise TreeNotSupported("a file has an unknown attribute of overlayfs")
        return names


class OpenDirectories:
    """Opens directories below `root_fd` one after the other, each step without following a link. Neighbours share their parents."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._names: list[str] = []
        self._descriptors: list[int] = []

    def __enter__(self) -> "OpenDirectories":
        return self

    def __exit__(self, *_: object) -> None:
        self._close_from(0)

    def open(self, path: str, inode: int) -> int | None:
        """Returns a descriptor that is valid until the next call; None if the path no longer leads to this inode."""
        names = path.split("/") if path else []
        shared = 0
        while shared < min(len(names), len(self._names)) and names[shared] == self._names[shared]:
            shared += 1
        self._close_from(shared)
        try:
            for name in names[shared:]:
                self._descriptors.append(_open_directory(self._top, name))
                self._names.append(name)
        except FileNotFoundError:
            return None
        return self._top if os.fstat(self._top).st_ino == inode else None

    @property
    def _top(self) -> int:
        return self._descriptors[-1] if self._descriptors else self._root_fd

    def _close_from(self, count: int) -> None:
        for descriptor in self._descriptors[count:]:
            os.close(descriptor)
        del self._descriptors[count:], self._names[count:]


def _open_directory(parent: int, name: str) -> int:
    """Raises FileNotFoundError also where something else has its name by now, such as a link."""
    try:
        return os.open(name, OPEN_DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise FileNotFoundError(name) from error
        raise


def _is_before(changed: int, limit: int) -> bool:
    """Whether a change time is certainly before the limit. Some file systems have whole seconds only."""
    return changed < (limit if changed % NS_PER_SECOND else limit - 2 * NS_PER_SECOND)


def walk_below(path: str, directory: DirectoryEntry) -> Iterator[tuple[str, DirectoryEntry]]:
    """Yields the directory and all below it with their paths, parents first."""
    yield path, directory
    for name, below in directory.directories.items():
        yield from walk_below(join(path, name), below)


def join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
