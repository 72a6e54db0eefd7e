"""Saves checkpoints as images: commits of a session's container, whose configuration holds nothing that the session set.

An image of a Studio is `studiograph-<installation>/<public id>:<checkpoint id>-final-<random>`, and for saves of a running session
`…:<checkpoint id>-<mark>-<random>`, where the mark stands for the content (`changes`). An engine finishes what a cancelled call began:
the name, which is unique and was written as a row before, finds what is left of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any

from services.compute.docker import changes, disk_space, naming, request_bodies, reserved_names, session_files
from services.compute.docker.commits import Commits
from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.docker.images import Images
from services.compute.docker.layering import COMMENT, CheckpointImages
from services.compute.docker.request_bodies import Image
from services.compute.docker.staged_saves import StagedSaves
from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, Saved, SaveRequest
from services.compute.session_programs import SessionFiles
from services.domain.session_name import SessionName

COMMIT_TIMEOUT_SECONDS = 540.0
"""An engine writes about 100 MB/s or 6 000 files/s (measured); shorter than a stop's deadline."""
FINAL_TAG, FLAT_TAG = "final", "flat"
NONCE_BYTES = 4
MIN_SECRET_LENGTH = 6
"""In characters. A shorter value would be found by chance in an inspection, so it is searched in the variables only."""


class Checkpoints:
    """Saves, finds and removes the checkpoints on one engine. `staging_root`: where files of running sessions may be copied."""

    def __init__(self, engine: Engine, images: Images, staging_root: Path | None) -> None:
        self._engine = engine
        self.staged = StagedSaves(engine, staging_root)
        self._images = images
        self._layering = CheckpointImages(engine)
        self._at_work = Commits()

    async def at_work(self, container_id: str) -> None:
        """Waits until no commit of this server is at work on the container."""
        await self._at_work.over(container_id)

    async def settle(self, container: Mapping[str, Any]) -> None:
        """Waits until no save of this server is at work on the container. Resumes it if a save of a server that died left it paused."""
        await self.at_work(container["Id"])
        await self.staged.resume_left(container)

    def left_paused(self, container: Mapping[str, Any]) -> bool:
        """Returns whether a commit of this server paused it and ended without an answer: the engine died meanwhile."""
        return bool(container["State"].get("Paused")) and self._at_work.lost(container["Id"])

    async def close(self) -> None:
        await self._at_work.close()

    async def base(self, reference: str, digest: str | None) -> Image:
        """Returns the image to begin from. Raises CheckpointMissing if it was removed or is another one."""
        image = await self._images.find(reference)
        if image is None:
            raise CheckpointMissing(f"The checkpoint's image {reference} is no longer on the engine.")
        if digest is not None and image.id != digest:
            raise CheckpointMissing(f"The checkpoint's image {reference} is not the one that was saved.")
        return image

    async def is_there(self, reference: str, digest: str | None) -> bool:
        """Returns whether the image is on the engine, and is the one that was saved."""
        image = await self._images.find(reference)
        return image is not None and digest in (None, image.id)

    async def new_reference(self, name: SessionName, checkpoint_id: str, container: Mapping[str, Any] | None) -> str:
        """Returns the name of a save that is to be made; `container` is that of a session that runs on."""
        mark = FINAL_TAG if container is None else await changes.mark(self._engine, container)
        return f"{naming.repository(name)}:{checkpoint_id}-{mark}-{token_hex(NONCE_BYTES)}"

    def flat_reference(self, reference: str, checkpoint_id: str) -> str:
        """Returns the name of a save with merged layers that is to be made."""
        return f"{reference.rpartition(':')[0]}:{checkpoint_id}-{FLAT_TAG}-{token_hex(NONCE_BYTES)}"

    async def flatten(self, reference: str, target: str) -> Saved:
        """Makes the save `target` with the files of `reference` in one layer; returns it if it was made before."""
        made = await self._engine.find(f"images/{target}/json")
        if made is None:
            return await self._layering.flatten(reference, target)
        return Saved(target, made["Id"], made["Size"], 1)

    async def rebase(self, source: Saved, template_id: str, target: str) -> Saved:
        """Makes the save `target` with what sessions added in `source` over a template; returns it if it was made before."""
        base = await self.base(source.reference, source.digest or None)
        made = await self._engine.find(f"images/{target}/json")
        if made is None:
            return await self._layering.rebase(base.id, template_id, target)
        return Saved(target, made["Id"], made["Size"], 1)

    async def session_files(self, source: Saved, template_id: str) -> SessionFiles:
        """Returns which files sessions added in `source`, and which of them the template changed as well."""
        await self.base(source.reference, source.digest or None)
        checkpoint, template = [await self._engine.find(f"images/{each}/json") for each in (source.reference, template_id)]
        if checkpoint is None or template is None:
            raise ComputeUnknown("an image was removed at this moment")
        return await session_files.compare(self._engine, checkpoint, template, COMMENT)

    async def finals(self, name: SessionName, checkpoint_id: str) -> list[str]:
        """Returns the saves that were made of the session after its end. Earlier versions named them without a nonce."""
        former = f"{naming.repository(name)}:{checkpoint_id}"
        references = await self._named(f"{former}-{FINAL_TAG}-")
        return [*sorted(references), *([former] if await self._images.find(former) else [])]

    async def all(self, installation: str) -> list[str]:
        """Returns the names of all saves of the installation."""
        return sorted(await self._named(f"{naming.images_of(installation)}/"))

    async def find(self, request: SaveRequest) -> Saved | None:
        """Returns the save if it was made before. Whoever made it may have ended before searching it for secrets. Raises ComputeFailed."""
        saved = await self._images.find(request.reference)
        if saved is None:
            return None
        history = await self._search(saved.id, request.secrets)
        return Saved(request.reference, saved.id, history[0]["Size"], _own_layers(history))

    async def save(self, container: Mapping[str, Any], request: SaveRequest) -> Saved:
        """Commits the container. A running one is paused: otherwise files would be saved half written. Raises ComputeFailed."""
        parent = await self._images.find(container["Image"])
        if parent is None:
            raise ComputeFailed(
                "The image from which the session started was removed from the engine, so that the session cannot be saved."
            )
        if request.recorded is not None and await self._is_unchanged(container, request, request.recorded):
            return request.recorded
        pause = _Pause()
        image = await self._at_work.run(container["Id"], lambda: self._make(container, request, parent, pause))
        history = await self._engine.call("GET", f"images/{image.id}/history")
        saved = Saved(request.reference, image.id, max(0, image.size - parent.size), _own_layers(history))
        return replace(saved, pause_seconds=pause.seconds if request.interim else 0.0)

    async def _is_unchanged(self, container: Mapping[str, Any], request: SaveRequest, recorded: Saved) -> bool:
        if not request.interim or _mark(recorded.reference) != _mark(request.reference):
            return False
        image = await self._images.find(recorded.reference)
        return image is not None and image.id == recorded.digest and await self._is_of(image, container)

    async def _is_of(self, saved: Image, container: Mapping[str, Any]) -> bool:
        inspected = await self._engine.find(f"images/{saved.id}/json")
        return inspected is not None and inspected.get("Container", container["Id"]) == container["Id"]

    async def _make(self, container: Mapping[str, Any], request: SaveRequest, parent: Image, pause: "_Pause") -> Image:
        """Makes the image, with the shorter pause where that is possible, and checks it."""
        await disk_space.require(self._engine, container, COMMIT_TIMEOUT_SECONDS, request.progress)
        staged = await self.staged.save(container, request.reference, parent) if request.interim else None
        if staged is None:
            image_id = await self._commit(container, request, parent, pause)
        else:
            image_id, pause.seconds = staged.id, staged.pause_seconds
        await self._search(image_id, request.secrets)
        image = await self._images.find(request.reference)
        if image is None or image.id != image_id:
            raise ComputeUnknown("the saved image was removed at this moment")
        return image

    async def _commit(self, container: Mapping[str, Any], request: SaveRequest, parent: Image, pause: "_Pause") -> str:
        """Commits what can be kept. A session that runs may write until the engine pauses it, so its names are looked at again."""
        await reserved_names.require_none(self._engine, container["Id"], COMMIT_TIMEOUT_SECONDS)
        repository, _, tag = request.reference.rpartition(":")
        params = {"container": container["Id"], "repo": repository, "tag": tag, "pause": True, "comment": COMMENT}
        began = monotonic()
        try:
            created = await self._engine.call(
                "POST", "commit", params=params, body=request_bodies.commit(parent), limit=COMMIT_TIMEOUT_SECONDS
            )
        except (Absent, Conflict) as error:
            raise ComputeUnknown(f"the session's container went away during the save: {error}") from error
        pause.seconds = monotonic() - began
        if request.interim:
            await self._require_no_reserved_names(container, created["Id"])
        return str(created["Id"])

    async def _require_no_reserved_names(self, container: Mapping[str, Any], image_id: str) -> None:
        """Deletes a save that other files may be missing from, and raises ComputeFailed."""
        try:
            await reserved_names.require_none(self._engine, container["Id"], COMMIT_TIMEOUT_SECONDS)
        except ComputeFailed:
            await self._engine.call("DELETE", f"images/{image_id}", params={"force": True})
            raise

    async def _search(self, image_id: str, secrets: tuple[str, ...]) -> list[dict[str, Any]]:
        """Deletes a save whose configuration or history shows a secret, and raises ComputeFailed. Returns its history, newest first."""
        inspected = await self._engine.call("GET", f"images/{image_id}/json")
        history: list[dict[str, Any]] = await self._engine.call("GET", f"images/{image_id}/history")
        if field := _location_of_secret([inspected, history], secrets):
            await self._engine.call("DELETE", f"images/{image_id}", params={"force": True})
            raise ComputeFailed(f"The save was discarded, because the image's {field} would have shown a secret value.")
        return history

    async def sweep_unnamed(self, container_id: str) -> None:
        """Removes images that an engine made of this container, and did not name before it was killed."""
        for image in await self._engine.all("images/json", filters={"dangling": ["true"]}):
            inspected = await self._engine.find(f"images/{image['Id']}/json")
            if inspected is not None and inspected.get("Container") == container_id:
                await self._untag(image["Id"])

    async def remove(self, reference: str) -> None:
        await self._untag(reference)

    async def _named(self, beginning: str) -> list[str]:
        images = await self._engine.all("images/json", filters={"reference": [f"{beginning}*"]})
        return [name for image in images for name in image["RepoTags"] or [] if name.startswith(beginning)]

    async def _untag(self, reference: str) -> None:
        try:
            await self._engine.call("DELETE", f"images/{reference}")
        except Absent:
            return
        except Conflict as error:
            raise ComputeUnknown(f"the image {reference} is still needed: {error}") from error


@dataclass(slots=True)
class _Pause:
    """For how long a running container was paused at most: that of a commit is paused by the engine as long as this takes."""

    seconds: float = 0.0


def _own_layers(history: list[dict[str, Any]]) -> int:
    """Returns how many layers sessions added, from a history with the newest first. A save without changes counts, too."""
    return next((count for count, entry in enumerate(history) if entry.get("Comment") != COMMENT), len(history))


def _mark(reference: str) -> str:
    """Returns the mark in the name of an interim save; names of earlier versions have one as well."""
    return reference.rpartition(":")[2].split("-")[1] if "-" in reference.rpartition(":")[2] else ""


def _location_of_secret(shown: Any, secrets: tuple[str, ...]) -> str | None:
    """Returns the name of the field in which the engine shows a secret; None if there is none."""
    long = [secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
    short = [secret for secret in secrets if 0 < len(secret) < MIN_SECRET_LENGTH]
    for where, text in _texts(shown, "description"):
        if any(secret in text for secret in long) or (where == "Env" and text.partition("=")[2] in short):
            return where
    return None


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield where, key
            yield from _texts(item, key)
