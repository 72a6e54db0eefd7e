"""Writes a tree that was read, with the contents that were copied, as a tar: a layer of an image, or an archive of the process kind.

A layer has what an engine's own commit would write: sorted names, whole seconds, of the extended attributes file capabilities alone,
deletions and opaque directories of overlayfs as the marker files of the OCI image specification, holes as zeros, and no sockets.
"""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.compute.staging.content_store import ContentStore
from services.compute.staging.errors import StagingFailed
from services.compute.staging.live_tree import CAPABILITY, DirectoryEntry, FileEntry, FileStatus, join

WHITEOUT, OPAQUE_MARKER = ".wh.", ".wh..wh..opq"
CAPABILITY_HEADER = f"SCHILY.xattr.{CAPABILITY}"
WHITEOUT_MODE = 0o600
PIECE_BYTES = 1 << 20
ENCODING, ERRORS = "utf-8", "surrogateescape"
END_BYTES = 2 * tarfile.BLOCKSIZE
Write = Callable[[bytes], object]
NS_PER_SECOND = 10**9
TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """A header of the tar, and the status of its file. `has_content`: what the file holds follows the header."""

    header: tarfile.TarInfo
    status: FileStatus
    has_content: bool = False

    def encoded(self) -> bytes:
        return self.header.tobuf(tarfile.PAX_FORMAT, ENCODING, ERRORS)


def layer_members(root: DirectoryEntry) -> Iterator[TarMember]:
    """Yields what a layer with this tree has, without its root."""
    yield from _below("", root, {})


def archive_members(root: DirectoryEntry) -> Iterator[TarMember]:
    """Yields what an archive of the process kind has: no owners, times in nanoseconds, and names as `process/pack.py` gives them."""
    yield _as_in_archive(TarMember(_header("", root.status, tarfile.DIRTYPE), root.status))
    for member in _below("", root, {}):
        yield _as_in_archive(member)


def _as_in_archive(member: TarMember) -> TarMember:
    header = member.header
    header.name = f"./{header.name}".rstrip("/")
    if header.type == tarfile.LNKTYPE:
        header.linkname = f"./{header.linkname}"
    header.uid = header.gid = 0
    seconds, fraction = divmod(member.status.modified, NS_PER_SECOND)
    header.pax_headers = {"mtime": f"{seconds}.{fraction:09d}"}
    return member


def _below(path: str, directory: DirectoryEntry, written: dict[int, str]) -> Iterator[TarMember]:
    """Yields what is in a directory in the order of names. `written` has the first name of each inode with several."""
    if directory.is_opaque and path:
        yield TarMember(_header(f"{path}/{OPAQUE_MARKER}", directory.status, tarfile.REGTYPE), directory.status)
    for name in sorted([*directory.files, *directory.directories], key=_encoded):
        place = join(path, name)
        below = directory.directories.get(name)
        if below is None:
            yield from _file(path, name, directory.files[name], written)
        else:
            yield TarMember(_header(f"{place}/", below.status, tarfile.DIRTYPE), below.status)
            yield from _below(place, below, written)


def _file(directory: str, name: str, file: FileEntry, written: dict[int, str]) -> Iterator[TarMember]:
    """Yields nothing for a socket, which a tar cannot have."""
    status, path = file.status, join(directory, name)
    kind = TYPES.get(stat.S_IFMT(status.mode))
    if kind is None:
        return
    if status.is_whiteout:
        header = _header(join(directory, WHITEOUT + name), status, tarfile.REGTYPE)
        header.mode = WHITEOUT_MODE
        yield TarMember(header, status)
        return
    header = _header(path, status, kind)
    if file.capability is not None:
        header.pax_headers = {CAPABILITY_HEADER: file.capability.decode(ENCODING, ERRORS)}
    first = written.setdefault(status.inode, path) if status.links > 1 else path
    if first != path:
        header.type, header.linkname = tarfile.LNKTYPE, first
        yield TarMember(header, status)
        return
    header.linkname = file.target
    header.size = status.size if kind == tarfile.REGTYPE else 0
    yield TarMember(header, status, status.has_content)


def _header(path: str, status: FileStatus, kind: bytes) -> tarfile.TarInfo:
    header = tarfile.TarInfo(path)
    header.type, header.mode, header.uid, header.gid = kind, stat.S_IMODE(status.mode), status.uid, status.gid
    header.mtime = status.modified // NS_PER_SECOND
    if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        header.devmajor, header.devminor = os.major(status.device), os.minor(status.device)
    return header


def _encoded(name: str) -> bytes:
    return name.encode(ENCODING, ERRORS)


def length(members: Iterator[TarMember]) -> int:
    """Returns how many bytes `write` will write."""
    total = END_BYTES
    for member in members:
        size = member.status.size if member.has_content else 0
        total += len(member.encoded()) + size + _padding(size)
    return total


def write(members: Iterator[TarMember], contents: ContentStore, target: Write) -> None:
    """Writes the tar. Raises StagingFailed for a copy that is not as long as its file was."""
    for member in members:
        target(member.encoded())
        if member.has_content:
            _write_content(member.status, contents, target)
    target(bytes(END_BYTES))


def _write_content(status: FileStatus, contents: ContentStore, target: Write) -> None:
    left = status.size
    with contents.open(status.inode) as file:
        while piece := file.read(PIECE_BYTES):
            left -= len(piece)
            target(piece)
    if left:
        raise StagingFailed("a copy has another size than its file")
    target(bytes(_padding(status.size)))


def _padding(size: int) -> int:
    return -size % tarfile.BLOCKSIZE
