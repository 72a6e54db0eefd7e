"""Finds which files sessions added to an image, and which of them another template changed as well (B74).

An engine sends the two images in one archive, in which the layers that they share stand once. Nothing is extracted.
"""

import asyncio
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any

from services.compute.docker import image_layers
from services.compute.docker.engine import Engine
from services.compute.docker.image_layers import DIGEST_PREFIX
from services.compute.docker.layer_merge import LayerArchive, LayerEntry, LayerPlan
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.compute.session_programs import SessionFiles

GIB = 1 << 30
MAX_IMAGE_BYTES = 16 * GIB
"""Bytes of the two images together up to which they are compared: the archive of both is written to this machine's disk."""
TOO_LARGE = (
    "The images of the checkpoint and of the new template have together {size:.1f} GiB, and they are compared up to {limit} GiB. What was "
    "installed is not known then: try the programs and packages that you need."
)
MAX_PATHS = 200_000
"""The number of paths that are returned."""


async def compare(engine: Engine, checkpoint: Mapping[str, Any], template: Mapping[str, Any], comment: str) -> SessionFiles:
    """Compares what sessions added in the inspected image `checkpoint` with the image of a template, unless the two are too large.

    Raises ComputeFailed, ComputeUnknown.
    """
    size = checkpoint["Size"] + template["Size"]
    if size > MAX_IMAGE_BYTES:
        return SessionFiles((), unread=TOO_LARGE.format(size=size / GIB, limit=MAX_IMAGE_BYTES // GIB))
    files = ExitStack()
    try:
        spool = image_layers.temporary_file(files)
        await image_layers.download(engine, f"images/get?names={checkpoint['Id']}&names={template['Id']}", spool)
        return await asyncio.to_thread(compare_archive, spool, checkpoint["Id"], template["Id"], comment)
    except OSError as error:
        raise ComputeFailed(f"The layers of the checkpoint could not be read or written: {error.strerror}.") from error
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise ComputeUnknown("the images that the Docker Engine sent cannot be read") from error
    finally:
        await asyncio.to_thread(files.close)


def compare_archive(spool: IO[bytes], checkpoint_id: str, template_id: str, comment: str) -> SessionFiles:
    """Compares two images in the archive that an engine sent of both. Blocking."""
    spool.seek(0)
    with tarfile.open(fileobj=spool) as archive:
        mine, new = _layers(archive, checkpoint_id), _layers(archive, template_id)
        own_count = image_layers.topmost(mine.history, comment)
        old = mine.layers[: len(mine.layers) - own_count]
        shared = _shared(old, new.layers)
        own = _Stack.of(archive, mine.layers[len(old) :])
        before, after = _Stack.of(archive, old[shared:]), _Stack.of(archive, new.layers[shared:])
        paths = sorted(path for path, entry in own.plan.entries.items() if not entry.info.isdir())
        conflicts = [path for path in paths if _is_conflict(path, own, before, after)]
        conflicts += sorted(_hiding(own, before, after))
        return SessionFiles(tuple(paths[:MAX_PATHS]), tuple(conflicts))


@dataclass(frozen=True, slots=True)
class _ImageLayers:
    """The layers of an image in the archive, the lowest first: digest and path. `history` is that of its configuration."""

    layers: list[tuple[str, str]]
    history: list[dict[str, Any]]


def _layers(archive: tarfile.TarFile, image_id: str) -> _ImageLayers:
    entries = json.loads(image_layers.read(archive, "manifest.json"))
    entry = next(each for each in entries if image_id.removeprefix(DIGEST_PREFIX) in each["Config"])
    config = json.loads(image_layers.read(archive, entry["Config"]))
    return _ImageLayers(list(zip(config["rootfs"]["diff_ids"], entry["Layers"], strict=True)), config.get("history") or [])


def _shared(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> int:
    """Returns how many of the lowest layers are the same."""
    pairs = list(zip(old, new, strict=False))
    return next((number for number, (one, other) in enumerate(pairs) if one[0] != other[0]), len(pairs))


@dataclass(slots=True)
class _Stack:
    """Some layers on top of one another, and what is visible of them."""

    archives: list[LayerArchive]
    plan: LayerPlan = field(default_factory=LayerPlan)

    @classmethod
    def of(cls, archive: tarfile.TarFile, layers: Sequence[tuple[str, str]]) -> "_Stack":
        made = cls([_opened(archive, path) for _, path in layers])
        for number in range(len(layers) - 1, -1, -1):
            made.plan.add_layer(number, made.archives[number].tar.getmembers())
        return made

    def content(self, path: str) -> tuple[bytes, str] | None:
        """Returns what tells two files apart: their kind, and the digest of their content or the target of a link; None if absent."""
        entry = self.plan.entries.get(path)
        return None if entry is None else self._content(entry)

    def _content(self, entry: LayerEntry) -> tuple[bytes, str]:
        archive = self.archives[entry.layer]
        info = archive.source(entry.info)
        if not info.isreg():
            return info.type, info.linkname
        file = archive.tar.extractfile(info)
        assert file is not None
        return info.type, hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has all that is used


def _opened(archive: tarfile.TarFile, path: str) -> LayerArchive:
    file = archive.extractfile(path)
    if file is None:
        raise ValueError(f"{path} is no file")
    return LayerArchive.open(file)


def _is_conflict(path: str, own: _Stack, before: _Stack, after: _Stack) -> bool:
    """Returns whether the new template has another content at the path than the old one, and than the session's."""
    if path not in after.plan.entries and path not in after.plan.deleted:
        return False
    new = after.content(path)
    return new not in (before.content(path), own.content(path)) and new is not None


def _hiding(own: _Stack, before: _Stack, after: _Stack) -> set[str]:
    """Returns the paths whose deletion by the session hides something that the new template added or changed.

    Each file is looked at once, whatever number of paths was deleted: a session may delete very many.
    """
    deleted, found = own.plan.deleted | own.plan.opaque, set[str]()
    for path, entry in after.plan.entries.items():
        if entry.info.isdir() or path in own.plan.entries:
            continue
        above = [each for each in _with_parents(path) if each in deleted and each not in found]
        if above and after.content(path) != before.content(path):
            found.update(above)
    return found


def _with_parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
