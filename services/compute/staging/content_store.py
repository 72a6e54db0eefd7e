"""Keeps the contents of a session's regular files in a directory of this server, one file for each inode.

A copy's name is `<inode>-<change time>`, so that the listing tells what it is a copy of, and a rename that it is complete. The time 0
stands for a copy that is good for one save only.
"""

import errno
import os
import re
import shutil
import stat
from contextlib import suppress
from ctypes import CDLL, c_int, c_int64, c_uint, get_errno
from typing import BinaryIO

from services.compute.staging.errors import NotEnoughSpace
from services.compute.staging.live_tree import OPEN_DIRECTORY, FileStatus

SHARDS = 256
NAME_PATTERN = re.compile(r"([0-9a-f]+)-([0-9a-f]+)")
PART_PREFIX = ".part-"
ONE_SAVE = 0
"""The change time in the name of a copy that the next save makes again."""
PIECE_BYTES = 16 << 20
OPEN_SOURCE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPEN_COPY = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
NO_COPY_IN_KERNEL = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
SYNC_FILE_RANGE_FLAGS = 7
"""SYNC_FILE_RANGE_WAIT_BEFORE | _WRITE | _WAIT_AFTER of linux/fs.h."""

_libc = CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = [c_int, c_int64, c_int64, c_uint]


class ContentStore:
    """The copies in the directory `directory_fd`, which nobody else writes to."""

    def __init__(self, directory_fd: int) -> None:
        self._directory_fd = directory_fd
        self._known: dict[int, int] = {}
        for shard in range(SHARDS):
            self._load(f"{shard:02x}")

    def has(self, status: FileStatus) -> bool:
        """Returns whether the copy is that of the file with this status."""
        return self._known.get(status.inode) == status.changed

    def copy(self, parent: int, name: str, status: FileStatus, *, stays_valid: bool) -> int:
        """Copies the file `name` in the directory `parent`; returns how many bytes that were.

        `stays_valid`: a later change of the file will show as another change time. Raises FileNotFoundError where the name leads to
        another file by now, NotEnoughSpace, OSError.
        """
        source = _open_source(parent, name, status.inode)
        try:
            if stays_valid:
                _write_back(source)
            part = f"{_shard(status.inode)}/{PART_PREFIX}{status.inode:x}"
            target = os.open(part, OPEN_COPY, 0o600, dir_fd=self._directory_fd)
            try:
                copied = _copy(source, target)
            finally:
                os.close(target)
        except OSError as error:
            raise _explained(error) from error
        finally:
            os.close(source)
        self._publish(part, status.inode, status.changed if stays_valid else ONE_SAVE)
        return copied

    def open(self, inode: int) -> BinaryIO:
        """Opens the copy of a file."""
        descriptor = os.open(_name(inode, self._known[inode]), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory_fd)
        return os.fdopen(descriptor, "rb")

    def keep(self, wanted: dict[int, int]) -> None:
        """Removes all copies but those of these inodes with these change times."""
        for inode, changed in list(self._known.items()):
            if wanted.get(inode) != changed:
                os.unlink(_name(inode, changed), dir_fd=self._directory_fd)
                del self._known[inode]

    def _load(self, shard: str) -> None:
        """Reads the names of a part of the copies. Removes what an interrupted save left."""
        with suppress(FileExistsError):
            os.mkdir(shard, 0o700, dir_fd=self._directory_fd)
        descriptor = os.open(shard, OPEN_DIRECTORY, dir_fd=self._directory_fd)
        try:
            for name in os.listdir(descriptor):  # noqa: PTH208 - pathlib opens no descriptor
                match = NAME_PATTERN.fullmatch(name)
                if match is None or int(match[1], 16) in self._known:
                    os.unlink(name, dir_fd=descriptor)
                else:
                    self._known[int(match[1], 16)] = int(match[2], 16)
        finally:
            os.close(descriptor)

    def _publish(self, part: str, inode: int, changed: int) -> None:
        former = self._known.get(inode)
        os.rename(part, _name(inode, changed), src_dir_fd=self._directory_fd, dst_dir_fd=self._directory_fd)
        if former is not None and former != changed:
            os.unlink(_name(inode, former), dir_fd=self._directory_fd)
        self._known[inode] = changed


def _shard(inode: int) -> str:
    return f"{inode % SHARDS:02x}"


def _name(inode: int, changed: int) -> str:
    return f"{_shard(inode)}/{inode:x}-{changed:x}"


def _open_source(parent: int, name: str, inode: int) -> int:
    """Opens a regular file, which must be this inode, and leaves its access time as it is where that is allowed."""
    try:
        try:
            descriptor = os.open(name, OPEN_SOURCE | os.O_NOATIME, dir_fd=parent)
        except PermissionError:
            descriptor = os.open(name, OPEN_SOURCE, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise FileNotFoundError(name) from error
        raise
    status = os.fstat(descriptor)
    if status.st_ino != inode or not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(name)
    return descriptor


def _write_back(source: int) -> None:
    """Writes the pages of the file to the disk. Only after that does a write into a mapping of it set the change time again."""
    if _libc.sync_file_range(source, 0, 0, SYNC_FILE_RANGE_FLAGS):
        raise OSError(get_errno(), os.strerror(get_errno()))


def _copy(source: int, target: int) -> int:
    """Copies the data, and leaves holes as holes. Returns the number of bytes of data."""
    size, offset, copied = os.fstat(source).st_size, 0, 0
    while offset < size:
        try:
            begin = os.lseek(source, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                break
            raise
        offset = os.lseek(source, begin, os.SEEK_HOLE)
        copied += _copy_range(source, target, begin, offset)
    os.ftruncate(target, size)
    return copied


def _copy_range(source: int, target: int, begin: int, end: int) -> int:
    position = begin
    while position < end:
        count = min(PIECE_BYTES, end - position)
        try:
            done = os.copy_file_range(source, target, count, position, position)
        except OSError as error:
            if error.errno not in NO_COPY_IN_KERNEL:
                raise
            done = os.pwrite(target, os.pread(source, count, position), position)
        if not done:  # it was truncated meanwhile
            break
        position += done
    return position - begin


def _explained(error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotEnoughSpace("the disk is full")
    return error


def free_bytes(directory_fd: int) -> tuple[int, int]:
    """Returns how many bytes of the directory's disk are free, and how many it has."""
    usage = shutil.disk_usage(directory_fd)
    return usage.free, usage.total
