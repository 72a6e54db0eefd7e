"""Takes layers out of images, and loads images that are made of the engine's layers and new ones (ADR 21).

An engine knows a layer by its digest. So an image is loaded with the tars of those layers alone that the engine does not have, and an image
whose layers it all has in no time.
"""

import asyncio
import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from services.compute.docker.engine import Absent, Engine
from services.compute.docker.json_stream import JsonStream
from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown

MAX_SILENCE_SECONDS = 300.0
"""How long an engine may send nothing while it writes or reads an image: it first puts the whole image together on its disk."""
PIECE_BYTES = 1 << 20
DIGEST_PREFIX = "sha256:"


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer of an image: its digest (of the uncompressed tar), and its tar; None for one that the engine has."""

    digest: str
    file: IO[bytes] | None = None


@dataclass(frozen=True, slots=True)
class SplitImage:
    """The layers of an image: the digests of those below, and the topmost ones with their tars; the lowest come first."""

    below: list[str]
    own: list[ImageLayer]


def temporary_file(files: ExitStack) -> IO[bytes]:
    """Returns a new file without a name, which `files` closes: whatever ends this process, nothing is left of it."""
    return files.enter_context(tempfile.TemporaryFile())


def layers_of(inspected: Mapping[str, Any]) -> list[str]:
    """Returns the digests of an image's layers, the lowest first."""
    return list((inspected.get("RootFS") or {}).get("Layers") or [])


async def take(engine: Engine, image_id: str, comment: str, files: ExitStack) -> SplitImage:
    """Writes the layers of an image that have `comment` in its history into temporary files. Raises CheckpointMissing, ComputeUnknown.

    The engine sends the whole image; the other layers are dropped. `files` closes those files.
    """
    with_spool = ExitStack()
    spool = temporary_file(with_spool)
    try:
        await download(engine, f"images/{image_id}/get", spool)
        return await asyncio.to_thread(_split, spool, comment, files)
    except Absent as error:
        raise CheckpointMissing(f"The image {image_id} is no longer on the engine.") from error
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise ComputeUnknown("the image that the Docker Engine sent cannot be read") from error
    finally:
        await asyncio.to_thread(with_spool.close)


async def download(engine: Engine, path: str, target: IO[bytes]) -> None:
    """Writes the archive of one image or of several into a file. Raises OSError, Absent, ComputeUnknown."""
    async with engine.stream("GET", path, {}, MAX_SILENCE_SECONDS) as response:
        while True:
            async with engine.reading(path, MAX_SILENCE_SECONDS):
                piece = await response.content.read(PIECE_BYTES)
            if not piece:
                return
            await asyncio.to_thread(target.write, piece)


def _split(spool: IO[bytes], comment: str, files: ExitStack) -> SplitImage:
    """Splits an image's archive (as `docker save` makes it) into the layers below, and the topmost ones whose history has the comment."""
    spool.seek(0)
    with tarfile.open(fileobj=spool) as archive:
        manifest = json.loads(read(archive, "manifest.json"))[0]
        config = json.loads(read(archive, manifest["Config"]))
        digests, paths = config["rootfs"]["diff_ids"], manifest["Layers"]
        own = topmost(config.get("history") or [], comment)
        below, above = digests[: len(digests) - own], digests[len(digests) - own :]
        layers = []
        for digest, path in zip(above, paths[len(paths) - own :], strict=True):
            target, content = temporary_file(files), archive.extractfile(path)
            if content is None or _copy(content, target) != digest:
                raise ValueError(f"the layer {digest} is damaged")
            layers.append(ImageLayer(digest, target))
        return SplitImage(below, layers)


def topmost(history: Sequence[Mapping[str, Any]], comment: str) -> int:
    """Returns how many of the last layers have the comment. A save without changes has an entry, but no layer."""
    count = 0
    for entry in reversed(history):
        if entry.get("comment") != comment:
            break
        count += not entry.get("empty_layer", False)
    return count


def read(archive: tarfile.TarFile, name: str) -> bytes:
    """Returns the content of a file of the archive. Raises KeyError, ValueError."""
    content = archive.extractfile(name)
    if content is None:
        raise ValueError(f"{name} is no file")
    return content.read()


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := source.read(PIECE_BYTES):
        digest.update(piece)
        target.write(piece)
    return DIGEST_PREFIX + digest.hexdigest()


def digest_of(file: IO[bytes]) -> str:
    """Returns the digest of a layer's tar. Blocking."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return DIGEST_PREFIX + digest.hexdigest()


def size_of(file: IO[bytes]) -> int:
    """Returns the size of a layer's tar in bytes."""
    return file.seek(0, os.SEEK_END)


async def load(engine: Engine, reference: str, like: Mapping[str, Any], layers: Sequence[ImageLayer], comment: str) -> None:
    """Makes the image `reference` of these layers, with the configuration of the inspected image `like`.

    `comment` stands in its history for the new ones. Raises ComputeFailed, ComputeUnknown.
    """
    config = json.dumps(_configuration(like, layers, comment)).encode()
    await load_archive(engine, reference, _archive(reference, config, layers))


async def load_archive(engine: Engine, reference: str, archive: AsyncIterator[bytes]) -> None:
    """Loads an image from its archive. Raises ComputeFailed, ComputeUnknown."""
    path = "images/load"
    async with engine.stream("POST", path, {"quiet": "true"}, MAX_SILENCE_SECONDS, archive=archive) as response:
        stream = JsonStream(engine, path, response, MAX_SILENCE_SECONDS)
        while (line := await stream.next()) is not None:
            if "error" in line:
                raise ComputeFailed(f"The engine did not accept the image {reference}: {line['error']}.")


def _configuration(like: Mapping[str, Any], layers: Sequence[ImageLayer], comment: str) -> dict[str, Any]:
    """Returns the image configuration (OCI image specification). A registry needs one entry of the history for each layer."""
    created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "architecture": like["Architecture"],
        "os": like["Os"],
        **({"variant": like["Variant"]} if like.get("Variant") else {}),
        "created": created,
        "config": like["Config"],
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created": created, **({"comment": comment} if layer.file else {})} for layer in layers],
    }


async def _archive(reference: str, config: bytes, layers: Sequence[ImageLayer]) -> AsyncIterator[bytes]:
    """Yields the archive of an image. Layers that the engine has are named and left out."""
    paths = [f"{layer.digest.removeprefix(DIGEST_PREFIX)}/layer.tar" for layer in layers]
    for path, layer in zip(paths, layers, strict=True):
        if layer.file is None:
            continue
        async for piece in member(path, size_of(layer.file), _pieces(layer.file)):
            yield piece
    yield ending(reference, config, paths)


async def member(name: str, size: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yields a file of an archive."""
    yield _header(name, size)
    async for piece in pieces:
        yield piece
    yield _padding(size)


def ending(reference: str, config: bytes, paths: Sequence[str]) -> bytes:
    """Returns the end of an image's archive: its configuration, and what names the files of its layers, the lowest first."""
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": list(paths)}]).encode()
    files = [(name, config), ("manifest.json", manifest)]
    return b"".join(_header(name, len(data)) + data + _padding(len(data)) for name, data in files) + bytes(2 * tarfile.BLOCKSIZE)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    file.seek(0)
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
