"""Saves a running session with a short pause (ADR 25): its files are copied while it runs, and in a pause only what changed meanwhile.

The image is the one that a commit would make. It is loaded from the copy as one more layer over the image that the session began from. That
is possible where the container's layer is a directory of this machine; everywhere else the engine commits.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from services.compute.docker import image_layers, local_layer, request_bodies
from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.docker.image_layers import layers_of
from services.compute.docker.layering import COMMENT
from services.compute.docker.local_layer import LocalLayer
from services.compute.docker.request_bodies import Image
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.compute.staging.client import PAUSE_TIMEOUT_SECONDS, PREPARE_TIMEOUT_SECONDS, StagedLayer, staging, within
from services.compute.staging.directories import HeldStaging, StagingDirectories
from services.compute.staging.errors import StagingFailed

RESUME_TRIES, RESUME_RETRY_SECONDS = 20, 0.5
NEW_LAYER = "new/layer.tar"
OLD_CONTAINER_FIELDS = ("container_config", "container", "parent", "parent_id", "author", "id")
"""Fields of an image's configuration that tell how it was made itself."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StagedImage:
    """The id of an image that was made, and for how long the session was paused for it."""

    id: str
    pause_seconds: float


class StagedSaves:
    """Makes images of running sessions on one engine. The copies are below `root`; None: there is no place for them."""

    def __init__(self, engine: Engine, root: Path | None) -> None:
        self._engine = engine
        self._directories = StagingDirectories(root) if root else None

    async def save(self, container: Mapping[str, Any], reference: str, parent: Image) -> StagedImage | None:
        """Makes the image `reference` of a running session; returns None where an engine's commit has to do it. Raises ComputeUnknown."""
        layer = await asyncio.to_thread(local_layer.find, self._engine, container)
        config = await asyncio.to_thread(layer.image_config, parent.id) if layer else None
        if self._directories is None or layer is None or config is None:
            return None
        try:
            async with self._directories.held(container["Id"]) as held:
                return await self._save(container["Id"], reference, _Base(layer, parent, config), held)
        except StagingFailed as error:
            logger.info("The container %s is committed, since its files cannot be copied before: %s", container["Id"][:12], error)
            return None

    async def resume_left(self, container: Mapping[str, Any]) -> None:
        """Resumes a paused session if the save that paused it died."""
        if self._directories and container["State"].get("Paused") and await self._directories.is_left_paused(container["Id"]):
            await self._resume(container["Id"])
            await self._directories.clear_paused(container["Id"])

    async def remove(self, container_id: str) -> None:
        """Removes the copies of a session's files."""
        if self._directories:
            await self._directories.remove(container_id)

    async def sweep(self, container_ids: Callable[[], Awaitable[list[str]]]) -> None:
        """Removes the copies of all sessions but those with these ids, which are asked for only if there are copies."""
        if self._directories and (keys := await self._directories.keys()):
            existing = set(await container_ids())
            await self._directories.remove_unheld([key for key in keys if key not in existing])

    async def _save(self, container_id: str, reference: str, base: "_Base", held: HeldStaging) -> StagedImage:
        async with staging(base.layer.live, held.contents, held.lock) as copy:
            await within(PREPARE_TIMEOUT_SECONDS, copy.prepare())
            began = monotonic()
            async with self._paused(container_id, held):
                await within(PAUSE_TIMEOUT_SECONDS, copy.finish())
            pause_seconds = monotonic() - began
            layer = await copy.layer()
            await self._load(reference, base.archive(reference, container_id, layer), layer)
        inspected = await self._engine.find(f"images/{reference}/json")
        if inspected is None or layers_of(inspected) != base.digests(layer):
            raise ComputeUnknown(f"the engine does not have the image {reference} that it loaded")
        return StagedImage(inspected["Id"], pause_seconds)

    async def _load(self, reference: str, archive: AsyncIterator[bytes], layer: StagedLayer) -> None:
        try:
            await image_layers.load_archive(self._engine, reference, archive)
        except ComputeUnknown:
            if layer.failure is not None:
                raise layer.failure from None
            raise

    @asynccontextmanager
    async def _paused(self, container_id: str, held: HeldStaging) -> AsyncIterator[None]:
        """Pauses the session for the block. It is resumed also if this is cancelled, and if this server dies by the next one."""
        await asyncio.to_thread(held.session.mark_paused)
        try:
            await self._pause(container_id)
            yield
        except _NotPausable as error:
            await asyncio.to_thread(held.session.clear_paused)
            raise error.reason from error
        except BaseException:
            await _run_to_completion(self._end_pause(container_id, held))
            raise
        await _run_to_completion(self._end_pause(container_id, held))

    async def _pause(self, container_id: str) -> None:
        """Raises _NotPausable if this did certainly not pause it, and ComputeUnknown if it may have."""
        try:
            await self._engine.call("POST", f"containers/{container_id}/pause")
        except (Absent, Conflict) as error:  # it ended, or somebody else has paused it
            raise _NotPausable(ComputeUnknown(f"the session cannot be paused for its save: {error}")) from error
        except ComputeFailed as error:
            raise _NotPausable(StagingFailed(error.message)) from error

    async def _end_pause(self, container_id: str, held: HeldStaging) -> None:
        await self._resume(container_id)
        await asyncio.to_thread(held.session.clear_paused)

    async def _resume(self, container_id: str) -> None:
        """Resumes a session. Raises ComputeUnknown if the engine does not answer for long."""
        for left in range(RESUME_TRIES - 1, -1, -1):
            try:
                await self._engine.call("POST", f"containers/{container_id}/unpause")
            except (Absent, Conflict):  # it is gone, or not paused
                return
            except ComputeUnknown:
                if not left:
                    raise
                await asyncio.sleep(RESUME_RETRY_SECONDS)
            else:
                return


class _NotPausable(Exception):
    """The engine refused to pause the session. `reason` is what that means for the save."""

    def __init__(self, reason: ComputeUnknown | StagingFailed) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Base:
    """The layer of a session's container, and the image that it lies on with that one's stored configuration."""

    layer: LocalLayer
    image: Image
    config: Mapping[str, Any]

    def digests(self, layer: StagedLayer) -> list[str]:
        """Returns the digests of the new image's layers. As with a commit, a layer without anything in it is left out."""
        return [*self._below, *([] if layer.is_empty else [layer.digest])]

    @property
    def _below(self) -> list[str]:
        return list(self.config["rootfs"]["diff_ids"])

    async def archive(self, reference: str, container_id: str, layer: StagedLayer) -> AsyncIterator[bytes]:
        """Yields the archive of the new image. Layers that the engine has are named and left out."""
        paths = [f"{digest}/layer.tar" for digest in self._below]
        if not layer.is_empty:
            paths.append(NEW_LAYER)
            async for piece in image_layers.member(NEW_LAYER, layer.length, layer.pieces()):
                yield piece
        config = json.dumps(self._configuration(container_id, layer)).encode()
        yield image_layers.ending(reference, config, paths)

    def _configuration(self, container_id: str, layer: StagedLayer) -> dict[str, Any]:
        """Returns the configuration that a commit would give the image, except for the session's host name."""
        created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        entry = {"created": created, "comment": COMMENT, **({"empty_layer": True} if layer.is_empty else {})}
        return {name: value for name, value in self.config.items() if name not in OLD_CONTAINER_FIELDS} | {
            "created": created,
            "container": container_id,
            "config": {**(self.config.get("config") or {}), **request_bodies.commit(self.image)},
            "history": [*(self.config.get("history") or []), entry],
            "rootfs": {**self.config["rootfs"], "diff_ids": self.digests(layer)},
        }


async def _run_to_completion(work: Coroutine[Any, Any, None]) -> None:
    """Finishes the work also if the caller is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
