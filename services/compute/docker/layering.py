"""Puts the files of a checkpoint into few layers, or over the layers of another template (B37, B74)."""

import asyncio
import tarfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from services.compute.docker import image_layers
from services.compute.docker.engine import Engine
from services.compute.docker.image_layers import ImageLayer, SplitImage, layers_of
from services.compute.docker.layer_merge import merge
from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, Saved

COMMENT = "studiograph checkpoint"
"""Stands in the history of an image for each layer that a session added, so that they are told from those of a template."""


class CheckpointImages:
    """Makes images of checkpoints on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def flatten(self, reference: str, target: str) -> Saved:
        """Makes the image `target`, which shows the same files as `reference` by one layer above those of the template.

        Raises CheckpointMissing, ComputeFailed, ComputeUnknown.
        """
        inspected = await self._inspect(reference)
        async with self._split(inspected["Id"]) as (split, files):
            return await self._make(target, inspected, [ImageLayer(digest) for digest in split.below], split, files)

    async def rebase(self, reference: str, template: str, target: str) -> Saved:
        """Makes the image `target`: what sessions added in `reference`, over the image of another template, with its configuration.

        Raises CheckpointMissing, ComputeFailed, ComputeUnknown.
        """
        inspected, new = await self._inspect(reference), await self._inspect(template)
        async with self._split(inspected["Id"]) as (split, files):
            return await self._make(target, new, [ImageLayer(digest) for digest in layers_of(new)], split, files)

    @asynccontextmanager
    async def _split(self, image_id: str) -> AsyncIterator[tuple[SplitImage, ExitStack]]:
        """Provides the layers that sessions added, and the stack that closes their temporary files."""
        files = ExitStack()
        try:
            yield await image_layers.take(self._engine, image_id, COMMENT, files), files
        except OSError as error:
            raise ComputeFailed(f"The layers of the checkpoint could not be read or written: {error.strerror}.") from error
        except tarfile.TarError as error:
            raise ComputeFailed(f"The layers of the checkpoint could not be merged: {error}.") from error
        finally:
            await asyncio.to_thread(files.close)

    async def _make(self, target: str, like: dict[str, Any], below: list[ImageLayer], split: SplitImage, files: ExitStack) -> Saved:
        merged = image_layers.temporary_file(files)
        added: list[ImageLayer] = []
        if split.own:
            await asyncio.to_thread(merge, [layer.file for layer in split.own if layer.file], merged)
            added = [ImageLayer(await asyncio.to_thread(image_layers.digest_of, merged), merged)]
        layers = [*below, *added]
        await image_layers.load(self._engine, target, like, layers, COMMENT)
        made = await self._engine.find(f"images/{target}/json")
        if made is None or layers_of(made) != [layer.digest for layer in layers]:
            raise ComputeUnknown(f"the engine does not have the image {target} that it loaded")
        return Saved(target, made["Id"], image_layers.size_of(merged) if added else 0, len(added))

    async def _inspect(self, reference: str) -> dict[str, Any]:
        inspected = await self._engine.find(f"images/{reference}/json")
        if inspected is None:
            raise CheckpointMissing(f"The image {reference} is no longer on the engine.")
        return inspected
