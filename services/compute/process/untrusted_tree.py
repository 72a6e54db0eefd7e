"""Reads, writes and removes files in a directory tree that a session can change, without following symbolic links."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

FOLLOW_NOTHING = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY


@contextmanager
def directory(root: Path, *parts: str) -> Iterator[int]:
    """Yields a descriptor of the directory below `root`. It is created; anything else of that name is replaced."""
    current = os.open(root, FOLLOW_NOTHING)
    try:
        for part in parts:
            below = _enter(current, part)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _enter(parent: int, name: str) -> int:
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=parent)
            raise FileNotFoundError(name)
    except FileNotFoundError:
        os.mkdir(name, 0o700, dir_fd=parent)
    descriptor = os.open(name, FOLLOW_NOTHING, dir_fd=parent)
    os.fchmod(descriptor, os.fstat(descriptor).st_mode & 0o777 | 0o700)
    return descriptor


def put_file(parent: int, name: str, data: bytes, mode: int = 0o600) -> None:
    """Writes a file, and replaces what was there."""
    new = f".{uuid4().hex}"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=parent), "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)
    os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)


def put_link(parent: int, name: str, target: str) -> None:
    """Makes a symbolic link, and replaces what was there."""
    new = f".{uuid4().hex}"
    os.symlink(target, new, dir_fd=parent)
    os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)


def read_file(parent: int, name: str, limit: int) -> tuple[bytes, int] | None:
    """Returns content and mode of a regular file of at most `limit` bytes; None for anything else."""
    with suppress(OSError):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_size <= limit:
                return file.read(), stat.S_IMODE(status.st_mode)
    return None


def remove_tree(path: Path) -> None:
    """Removes a whole tree, also read-only directories in it. Links are removed, not followed. Raises OSError."""
    if not shutil.rmtree.avoids_symlink_attacks:
        raise OSError("this system cannot remove a tree without following links")
    with suppress(FileNotFoundError):
        try:
            shutil.rmtree(path)
        except PermissionError:
            subprocess.run(["chmod", "-R", "u+rwX", "--", str(path)], check=False, capture_output=True)  # noqa: S603, S607 - no shell
            shutil.rmtree(path)
