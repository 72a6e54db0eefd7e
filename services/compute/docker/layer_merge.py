"""Merges layers of an image into one (ADR 21): the result on top of what is below them shows the same files.

Layers are tars in which a file `.wh.<name>` deletes `<name>`, and `.wh..wh..opq` everything that lower layers have in its directory (OCI
image specification, "Layer"). Nothing is extracted: names from layers never become paths of this machine.
"""

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
METADATA = ".wh..wh."
"""The beginning of names that are reserved for storage drivers; only OPAQUE has a meaning in images."""
NAME_HEADERS = ("path", "linkpath")
"""The extended headers that tarfile writes in place of the fields of a header, even if these were changed."""


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A path that the result has: the layer that it comes from, counted from the lowest, and its header there."""

    layer: int
    info: tarfile.TarInfo


@dataclass(slots=True)
class LayerPlan:
    """What the result has, found from the highest layer down: the first that has a path decides."""

    entries: dict[str, LayerEntry] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    """The paths that a layer deletes, and that no higher one has: they may exist below all of the layers."""
    opaque: set[str] = field(default_factory=set)
    """The directories whose content below all of the layers is hidden."""
    hidden: set[str] = field(default_factory=set)
    """The paths under which nothing of a lower layer is visible: deleted, replaced by another kind of file, or opaque."""

    def add_layer(self, layer: int, members: Sequence[tarfile.TarInfo]) -> None:
        """Adds the layer below those that were added before. Its own deletions concern only the layers under it."""
        hidden_by_layer: set[str] = set()
        for info in members:
            path = _path(info)
            directory, _, name = path.rpartition("/")
            if self._is_hidden(path):
                continue
            if name == OPAQUE:
                self.opaque.add(directory)
                hidden_by_layer.add(directory)
            elif name.startswith(METADATA):
                continue
            elif name.startswith(WHITEOUT):
                self._delete(f"{directory}/{name.removeprefix(WHITEOUT)}".lstrip("/"), hidden_by_layer)
            elif path not in self.entries:
                self.entries[path] = LayerEntry(layer, info)
                if not info.isdir():
                    hidden_by_layer.add(path)
            elif self.entries[path].info.isdir() and not info.isdir():  # a directory took the place of a file
                self.opaque.add(path)
                hidden_by_layer.add(path)
        self.hidden |= hidden_by_layer

    def _delete(self, path: str, hidden_by_layer: set[str]) -> None:
        hidden_by_layer.add(path)
        above = self.entries.get(path)
        if above is None:
            self.deleted.add(path)
        elif above.info.isdir():  # made again in a higher layer, or it is in this very layer: nothing below may show through it
            self.opaque.add(path)

    def _is_hidden(self, path: str) -> bool:
        """Whether a higher layer hides the path: it, or a directory that it is in, was deleted or replaced."""
        steps = path.split("/")
        return any("/".join(steps[:count]) in self.hidden for count in range(1, len(steps))) or self._is_replaced(path)

    def _is_replaced(self, path: str) -> bool:
        return path in self.hidden and path not in self.opaque


@dataclass(frozen=True, slots=True)
class LayerArchive:
    """The tar of a layer, with its members by path: a look-up by `tarfile` reads all of them for each hard link."""

    tar: tarfile.TarFile
    members: Mapping[str, tarfile.TarInfo]

    @classmethod
    def open(cls, file: IO[bytes]) -> "LayerArchive":
        file.seek(0)
        tar = tarfile.open(fileobj=file)  # noqa: SIM115 - it holds nothing but the file, which the caller closes
        return cls(tar, {_path(info): info for info in tar.getmembers()})

    def source(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        """Returns what a hard link of the layer is to, of whatever kind; anything else itself. Raises TarError if the layer lacks it."""
        while info.islnk():
            target = self.members.get(info.linkname.removeprefix("./").strip("/"))
            if target is None:
                raise tarfile.ReadError(f"{info.name} is a hard link to {info.linkname}, which its layer does not have")
            info = target
        return info


def merge(layers: Sequence[IO[bytes]], target: IO[bytes]) -> None:
    """Writes the tar of one layer that has the effect of `layers`, of which the lowest comes first. Blocking; raises OSError, TarError."""
    archives = [LayerArchive.open(layer) for layer in layers]
    plan = LayerPlan()
    for layer in range(len(layers) - 1, -1, -1):
        plan.add_layer(layer, archives[layer].tar.getmembers())
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as result:
        _write(plan, archives, result)


def _write(plan: LayerPlan, archives: Sequence[LayerArchive], result: tarfile.TarFile) -> None:
    """Writes parents before children, files before the links to them, and deletions in the order of their paths."""
    markers = {f"{path}/{OPAQUE}".lstrip("/") for path in plan.opaque}
    markers |= {_marker(path) for path in plan.deleted if not _has_hidden_parent(path, plan)}
    links = _Links(plan)
    for path in sorted([*plan.entries, *markers], key=lambda path: path.split("/")):
        if path in markers:
            result.addfile(tarfile.TarInfo(path))
            continue
        entry = plan.entries[path]
        links.write(path, entry, archives[entry.layer], result)


def _marker(path: str) -> str:
    directory, _, name = path.rpartition("/")
    return f"{directory}/{WHITEOUT}{name}".lstrip("/")


def _has_hidden_parent(path: str, plan: LayerPlan) -> bool:
    """Whether a deleted path lies in a directory that is deleted or opaque itself, so that it needs no marker of its own."""
    steps = path.split("/")
    parents = ["/".join(steps[:count]) for count in range(1, len(steps))]
    return any(parent in plan.deleted or parent in plan.opaque for parent in parents)


@dataclass(slots=True)
class _Links:
    """Writes files, and hard links to files of the same layer.

    A link is to what its own layer has under the target's path, which a higher layer may have replaced. So the first path of such a group
    gets the content, and the others become links to it.
    """

    plan: LayerPlan
    written: dict[tuple[int, str], str] = field(default_factory=dict)
    """The path under which the content of a file of a layer stands in the result."""

    def write(self, path: str, entry: LayerEntry, archive: LayerArchive, result: tarfile.TarFile) -> None:
        if entry.info.isdir():
            result.addfile(_named(entry.info, path))
            return
        source = archive.source(entry.info)
        key = (entry.layer, _path(source))
        first = self.written.setdefault(key, path)
        if first != path:
            result.addfile(_link(source, path, first))
            return
        result.addfile(_named(source, path), archive.tar.extractfile(source) if source.isreg() else None)


def _named(info: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    """Returns the header for the same file under `path`."""
    named = info.replace(name=path, deep=False)
    named.pax_headers = {name: value for name, value in info.pax_headers.items() if name not in NAME_HEADERS or info.name == path}
    return named


def _link(source: tarfile.TarInfo, path: str, target: str) -> tarfile.TarInfo:
    """Returns the header of a hard link at `path` to the file that was written at `target`."""
    link = _named(source, path)
    link.type, link.size, link.linkname = tarfile.LNKTYPE, 0, target
    link.pax_headers = {name: value for name, value in link.pax_headers.items() if name not in ("size", "linkpath")}
    return link


def _path(info: tarfile.TarInfo) -> str:
    """Returns the path without a leading `./` or `/`, and without a slash at its end."""
    return info.name.removeprefix("./").strip("/")
