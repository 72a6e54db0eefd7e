"""Saves checkpoints as images: commits of a session's container, whose configuration holds nothing that the session set.

An image of a Studio is `studiograph-<installation>/<public id>:<checkpoint id>`, and for saves of a running session
`…:<checkpoint id>-<mark>`, where the mark stands for the content (`changes`). A commit is tagged `…:next-<session>-<random>` until
it is finished and searched for secrets: an engine finishes what a cancelled call began, and that tag finds what is left of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from services.compute.docker import changes, naming, observation, request_bodies
from services.compute.docker.commits import Commits
from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.docker.images import Images
from services.compute.docker.request_bodies import Image
from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, Saved
from services.domain.session_name import SessionName

COMMIT_SECONDS = 540.0
"""An engine writes about 100 MB/s or 6 000 files/s (measured); shorter than a stop's deadline."""
MIN_SECRET_LENGTH = 6
"""In characters. A shorter value would be found by chance in an inspection, so it is searched in the variables only."""


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """The arguments of `Compute.save`. `running`: the session runs on."""

    name: SessionName
    checkpoint_id: str
    secrets: tuple[str, ...]
    keep: str | None
    running: bool


class Checkpoints:
    """Saves, finds and removes the checkpoints on one engine."""

    def __init__(self, engine: Engine, images: Images) -> None:
        self._engine = engine
        self._images = images
        self._at_work = Commits()

    async def at_work(self, container_id: str) -> None:
        """Waits until no commit of this server is at work on the container."""
        await self._at_work.over(container_id)

    def left_paused(self, container: Mapping[str, Any]) -> bool:
        """Returns whether a commit of this server paused it and ended without an answer: the engine died meanwhile."""
        return bool(container["State"].get("Paused")) and self._at_work.lost(container["Id"])

    async def close(self) -> None:
        await self._at_work.close()

    async def base(self, reference: str, digest: str | None) -> Image:
        """Returns the image to begin from. Raises CheckpointMissing if it was removed or is another one."""
        image = await self._images.find(reference)
        if image is None:
            raise CheckpointMissing(f"The checkpoint's image {reference} is not on the engine any more.")
        if digest is not None and image.id != digest:
            raise CheckpointMissing(f"The checkpoint's image {reference} is not the one that was saved.")
        return image

    async def save(self, container: Mapping[str, Any], request: SaveRequest) -> Saved:
        """Commits the container. A running one is paused: otherwise files would be saved half written. Raises ComputeFailed."""
        mark = f"-{await changes.mark(self._engine, container)}" if request.running else ""
        tag = f"{request.checkpoint_id}{mark}"
        reference = f"{naming.repository(request.name)}:{tag}"
        parent = await self._images.find(container["Image"])
        if parent is None:
            raise ComputeFailed("The image that the session began from was removed from the engine: it cannot be saved as an image.")
        saved = await self._images.find(reference)
        if saved is None or not await self._is_of(saved, container):
            saved = await self._at_work.run(container["Id"], lambda: self._commit(container, request, tag, parent))
        return Saved(reference, saved.id, max(0, saved.size - parent.size))

    async def final(self, name: SessionName, checkpoint_id: str) -> Saved | None:
        """Returns the save of a session that had ended; its size is what it added to the image that it began from."""
        reference = f"{naming.repository(name)}:{checkpoint_id}"
        saved = await self._images.find(reference)
        if saved is None:
            return None
        parent = await self._images.find(saved.parent) if saved.parent else None
        return Saved(reference, saved.id, max(0, saved.size - (parent.size if parent else 0)))

    async def _is_of(self, saved: Image, container: Mapping[str, Any]) -> bool:
        inspected = await self._engine.find(f"images/{saved.id}/json")
        return inspected is not None and inspected.get("Container", container["Id"]) == container["Id"]

    async def _commit(self, container: Mapping[str, Any], request: SaveRequest, tag: str, parent: Image) -> Image:
        name = request.name
        await self.sweep(name)
        await self._sweep_unrecorded(request)
        repository, unfinished = naming.repository(name), f"next-{name.number}-{token_hex(4)}"
        params = {"container": container["Id"], "repo": repository, "tag": unfinished, "pause": True}
        try:
            made = await self._engine.call("POST", "commit", params=params, body=request_bodies.commit(parent), limit=COMMIT_SECONDS)
        except (Absent, Conflict) as error:
            raise ComputeUnknown(f"the session's container went away during the save: {error}") from error
        await self._search(made["Id"], request.secrets)
        if self._at_work.abandoned(container["Id"]) and not request.running:
            await self._untag(f"{repository}:{unfinished}")  # an interim save is found by the next one; this one by nobody
            raise ComputeUnknown("nobody waits for the save any more")
        try:
            await self._engine.call("POST", f"images/{made['Id']}/tag", params={"repo": repository, "tag": tag})
        except Absent as error:
            raise ComputeUnknown(f"the saved image went away: {error}") from error
        await self._untag(f"{repository}:{unfinished}")
        image = await self._images.find(f"{repository}:{tag}")
        if image is None:
            raise ComputeUnknown("the saved image was removed at this moment")
        return image

    async def _search(self, image_id: str, secrets: tuple[str, ...]) -> None:
        """Deletes a save whose configuration or history shows a secret, and raises ComputeFailed."""
        inspected = await self._engine.call("GET", f"images/{image_id}/json")
        history = await self._engine.call("GET", f"images/{image_id}/history")
        if field := _location_of_secret([inspected, history], secrets):
            await self._engine.call("DELETE", f"images/{image_id}", params={"force": True})
            raise ComputeFailed(f"The save was dropped: the image's {field} would have shown a secret value.")

    async def sweep(self, name: SessionName) -> None:
        """Removes unfinished saves of this session and of earlier ones of the Studio."""
        for reference in await self._named(naming.repository(name), "next-"):
            if int(reference.rpartition(":next-")[2].partition("-")[0]) <= name.number:
                await self._untag(reference)

    async def sweep_unnamed(self, container_id: str) -> None:
        """Removes images that an engine made of this container, and did not name before it was killed."""
        for image in await self._engine.all("images/json", filters={"dangling": ["true"]}):
            inspected = await self._engine.find(f"images/{image['Id']}/json")
            if inspected is not None and inspected.get("Container") == container_id:
                await self._untag(image["Id"])

    async def _sweep_unrecorded(self, request: SaveRequest) -> None:
        """Removes interim saves of the checkpoint that were not recorded, since the server died."""
        if request.keep is None:
            return
        for reference in await self._named(naming.repository(request.name), f"{request.checkpoint_id}-"):
            if reference != request.keep:
                with suppress(ComputeUnknown):  # something was made from it by hand: no reason not to save
                    await self._untag(reference)

    async def remove(self, reference: str) -> None:
        """Removes the save, and older saves of the same checkpoint, which a crash may have left and no row names."""
        image = await self._engine.find(f"images/{reference}/json")
        if image is not None:
            for older in await self._older(reference, created_at(image)):
                await self._untag(older)
        await self._untag(reference)

    async def _older(self, reference: str, created: datetime) -> list[str]:
        repository, _, tag = reference.rpartition(":")
        names = await self._named(repository, f"{tag.partition('-')[0]}-")
        older = []
        for name in names:
            inspected = await self._engine.find(f"images/{name}/json")
            if inspected and created_at(inspected) < created:
                older.append(name)
        return older

    async def _named(self, repository: str, beginning: str) -> list[str]:
        prefix = f"{repository}:{beginning}"
        images = await self._engine.all("images/json", filters={"reference": [f"{prefix}*"]})
        return [name for image in images for name in image["RepoTags"] or [] if name.startswith(prefix)]

    async def _untag(self, reference: str) -> None:
        try:
            await self._engine.call("DELETE", f"images/{reference}")
        except Absent:
            return
        except Conflict as error:
            raise ComputeUnknown(f"the image {reference} is still needed: {error}") from error


def created_at(image: Mapping[str, Any]) -> datetime:
    """Returns when the image was created. The engine omits trailing zeros, so its text does not sort. Raises ComputeUnknown."""
    if (moment := observation.time(image["Created"])) is None:
        raise ComputeUnknown("the Docker Engine does not say when an image was made")
    return moment


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
