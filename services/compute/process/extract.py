"""A program that extracts an archive into an empty directory, and lets no archive write outside of it.

Python's own filter can be tricked, and refuses ordinary virtual environments. Here every parent is opened by itself without following
links, files are created and never opened twice, hard links lead only to files of the same archive, and symbolic links are created last, so
that nothing is ever written through one. Set-user-id bits, devices and pipes are left out. Sizes are limited.

`python -I extract.py <archive> <directory> <max bytes> <max members>`; exit code 0, or 3 = the archive is refused or damaged,
4 = a system error (a full disk); the reason is the last line of the output.
"""

import ctypes
import os
import resource
import signal
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import zstandard

CHUNK_BYTES = 1 << 16
BLOCK_BYTES = 4096
MAX_MEMORY_BYTES = 1 << 30
"""The memory limit of this program: it bounds the headers of an archive, which are read into memory."""
MAX_WINDOW_BYTES = 1 << 27
PR_SET_PDEATHSIG = 1


class UnsafeArchive(Exception):
    """The archive is damaged, or holds something that pack.py never writes."""


class StreamingTarFile(tarfile.TarFile):
    """A tar file that forgets the members it has read: of millions, they would fill most of MAX_MEMORY_BYTES."""

    members: list[tarfile.TarInfo]

    def next(self) -> tarfile.TarInfo | None:
        member = super().next()
        self.members = []
        return member


class Extraction:
    """Extracts one archive into one directory, which must be empty."""

    def __init__(self, directory: Path, max_bytes: int, max_members: int) -> None:
        self.root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.max_bytes, self.max_members = max_bytes, max_members
        self.bytes = 0
        self.seen: set[tuple[str, ...]] = set()
        self.files: set[tuple[str, ...]] = set()
        self.left_out: set[tuple[str, ...]] = set()
        self.directories: list[tuple[tuple[str, ...], tarfile.TarInfo]] = []
        self.hard_links: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.symbolic_links: dict[tuple[str, ...], str] = {}

    def run(self, archive: tarfile.TarFile) -> None:
        """Extracts everything. Raises UnsafeArchive, OSError."""
        for member in archive:
            self.add(archive, member)
        for name, target in self.hard_links:
            self.make_hard_link(name, target)
        for name, link in self.symbolic_links.items():
            with self.parent(name) as parent:
                os.symlink(link, name[-1], dir_fd=parent)
        for name, member in sorted(self.directories, key=lambda entry: -len(entry[0])):
            self.finish_directory(name, member)

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = parts(member.name)
        if not name:
            if member.isdir():
                return
            raise UnsafeArchive("the archive's root is no directory")
        self.count(name, member)
        if member.isdir():
            with self.parent(name) as parent:
                os.mkdir(name[-1], 0o700, dir_fd=parent)
            self.directories.append((name, member))
        elif member.isreg():
            self.write_file(archive, name, member)
        elif member.islnk():
            self.hard_links.append((name, parts(member.linkname)))
        elif member.issym():
            self.symbolic_links[name] = member.linkname
        else:
            self.left_out.add(name)

    def count(self, name: tuple[str, ...], member: tarfile.TarInfo) -> None:
        if name in self.seen:
            raise UnsafeArchive(f"{member.name!r} is there twice")
        self.seen.add(name)
        self.bytes += max(0, member.size)
        if len(self.seen) > self.max_members:
            raise UnsafeArchive(f"there are more than {self.max_members} files")
        if self.bytes > self.max_bytes:
            raise UnsafeArchive(f"the files are larger than {self.max_bytes} bytes")

    @contextmanager
    def parent(self, name: tuple[str, ...]) -> Iterator[int]:
        """Yields a descriptor of the directory that holds `name`. Each directory on the way is opened by itself; a link is an error."""
        current = os.dup(self.root)
        try:
            for part in name[:-1]:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
                os.close(current)
                current = below
            yield current
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnsafeArchive(f"{'/'.join(name)!r} lies in no directory of the archive") from error
        finally:
            os.close(current)

    def write_file(self, archive: tarfile.TarFile, name: tuple[str, ...], member: tarfile.TarInfo) -> None:
        source = archive.extractfile(member)
        assert source is not None
        with self.parent(name) as parent:
            descriptor = os.open(name[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        with os.fdopen(descriptor, "wb", 0) as target:
            copy(source, target, member.size)
            os.fchmod(descriptor, member.mode & 0o777)
            os.utime(descriptor, ns=times(member))
        self.files.add(name)

    def make_hard_link(self, name: tuple[str, ...], target: tuple[str, ...]) -> None:
        if target in self.symbolic_links:  # two names of one symbolic link
            self.symbolic_links[name] = self.symbolic_links[target]
            return
        if target in self.left_out:
            return
        if target not in self.files:
            raise UnsafeArchive(f"{'/'.join(name)!r} is a hard link to something that is no file of the archive")
        with self.parent(target) as source, self.parent(name) as parent:
            os.link(target[-1], name[-1], src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)

    def finish_directory(self, name: tuple[str, ...], member: tarfile.TarInfo) -> None:
        with self.parent(name) as parent:
            descriptor = os.open(name[-1], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        os.fchmod(descriptor, member.mode & 0o777)
        os.utime(descriptor, ns=times(member))
        os.close(descriptor)


def parts(name: str) -> tuple[str, ...]:
    """Returns the path of a member below the root; () is the root itself. Raises UnsafeArchive for one that leads out."""
    if name.startswith("/") or "\0" in name:
        raise UnsafeArchive(f"{name!r} is no path inside")
    path = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in path:
        raise UnsafeArchive(f"{name!r} is no path inside")
    return path


def times(member: tarfile.TarInfo) -> tuple[int, int]:
    """Returns access and modification time in nanoseconds: from the text of the header if there is one, since a float is too coarse."""
    text = member.pax_headers.get("mtime") or str(member.mtime)
    seconds, _, fraction = text.partition(".")
    at = int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0"))
    return (at, at) if 0 <= at < 1 << 62 else (0, 0)


def copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copies a file; blocks of zeros become holes, as they may have been before."""
    left = size
    while left:
        data = source.read(min(CHUNK_BYTES, left))
        if not data:
            raise UnsafeArchive("the archive ends in the middle of a file")
        if data.count(0) == len(data) >= BLOCK_BYTES:
            target.seek(len(data), os.SEEK_CUR)
        else:
            target.write(data)
        left -= len(data)
    target.truncate(size)


def extract(archive: Path, directory: Path, max_bytes: int, max_members: int) -> None:
    """Extracts the archive into the directory. Raises UnsafeArchive, OSError."""
    try:
        with (
            archive.open("rb") as raw,
            zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).stream_reader(raw) as stream,
            StreamingTarFile.open(fileobj=stream, mode="r|", errorlevel=2) as tar,
        ):
            Extraction(directory, max_bytes, max_members).run(tar)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, OverflowError, MemoryError) as error:
        raise UnsafeArchive(f"the archive is damaged: {error}") from error


def make_durable(directory: Path) -> None:
    """Syncs the whole file system: after a power cut, half-restored files would otherwise be saved as the session's."""
    descriptor = os.open(directory, os.O_RDONLY)
    ctypes.CDLL(None).syncfs(descriptor)
    os.close(descriptor)


def main() -> int:
    archive, directory, max_bytes, max_members = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    try:
        extract(Path(archive), Path(directory), int(max_bytes), int(max_members))
        make_durable(Path(directory))
    except UnsafeArchive as error:
        sys.stdout.write(f"{error}\n")
        return 3
    except OSError as error:
        sys.stdout.write(f"{error.strerror}: {error.filename}\n")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
