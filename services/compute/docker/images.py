"""Finds, pulls and checks the images of templates."""

from typing import Any

from services.compute.docker.engine import Absent, Engine
from services.compute.docker.json_stream import JsonStream
from services.compute.docker.request_bodies import Image
from services.compute.protocol import ComputeFailed, ComputeUnknown, ImageMissing, ImageSpec, Progress

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""The engine's name of an architecture, and the name of the same in images."""
IMAGE_ADVICE = "Build or load it there, or correct the template's image."
MAX_SILENCE_SECONDS = 120.0
"""How long a pull may say nothing."""


class Images:
    """The images on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._machine: str | None = None

    async def find(self, reference: str) -> Image | None:
        inspected = await self._engine.find(f"images/{reference}/json")
        return Image.of(inspected) if inspected else None

    async def ensure(self, spec: ImageSpec, progress: Progress) -> Image:
        """Returns the image, pulled if it is missing and not `built`. Raises ComputeFailed if it cannot be pulled or run, ImageMissing."""
        reference = spec.image
        inspected = await self._engine.find(f"images/{reference}/json")
        if inspected is None and spec.built:
            raise ImageMissing(reference)
        if inspected is None:
            await self._pull(reference, progress)
            inspected = await self._engine.find(f"images/{reference}/json")
        if inspected is None:
            raise ComputeFailed(f"The image {reference} was pulled, but the engine does not have it. It may be for another platform.")
        return await self._check(reference, inspected)

    async def built(self, reference: str) -> None:
        """Checks an image that was just built, so that the build reports what is wrong. Raises ComputeFailed, ComputeUnknown."""
        inspected = await self._engine.find(f"images/{reference}/json")
        if inspected is None:
            raise ComputeUnknown(f"the image {reference} was built, but the engine does not have it")
        await self._check(reference, inspected)

    async def _check(self, reference: str, inspected: dict[str, Any]) -> Image:
        """Raises ComputeFailed for an image that cannot run sessions on this engine."""
        await self._check_platform(reference, inspected)
        image = Image.of(inspected)
        image.check(reference)
        return image

    async def _check_platform(self, reference: str, inspected: dict[str, Any]) -> None:
        image, machine = f"{inspected['Os']}/{inspected['Architecture']}", await self._platform()
        if image != machine:
            raise ComputeFailed(
                f"The image {reference} is for {image}, and this engine runs {machine}. Build it for {machine}, or load that variant."
            )

    async def _platform(self) -> str:
        """Returns the engine's platform. It is asked once, since the engine runs helper programs to answer."""
        if self._machine is None:
            version = await self._engine.call("GET", "version")
            self._machine = f"{version['Os']}/{ARCHITECTURES.get(version['Arch'], version['Arch'])}"
        return self._machine

    async def _pull(self, reference: str, progress: Progress) -> None:
        await progress(f"Pulling {reference}")
        name, tag = split(reference)
        try:
            async with self._engine.stream("POST", "images/create", {"fromImage": name, "tag": tag}, MAX_SILENCE_SECONDS) as response:
                stream = JsonStream(self._engine, "images/create", response, MAX_SILENCE_SECONDS)
                while (line := await stream.next()) is not None:
                    await self._forward_line(line, progress)
        except (Absent, ComputeFailed) as error:
            raise ComputeFailed(f"The image {reference} is not on the engine and cannot be pulled ({error}). {IMAGE_ADVICE}") from error
        except ComputeUnknown as error:
            if "registry" in str(error) or "lookup" in str(error) or "dial" in str(error):
                raise ComputeFailed(
                    f"The image {reference} is not on the engine, and its registry does not answer ({error}). {IMAGE_ADVICE}"
                ) from error
            raise

    async def _forward_line(self, line: dict[str, Any], progress: Progress) -> None:
        if "error" in line:
            raise ComputeFailed(str(line["error"]))
        if line.get("status") in ("Pull complete", "Already exists") or "Digest" in line.get("status", ""):
            await progress(f"{line['status']} {line.get('id', '')}".strip())


def split(reference: str) -> tuple[str, str]:
    """Returns name and tag (or digest) for the engine's pull; without a tag it would pull all of them."""
    if "@" in reference:
        name, _, digest = reference.partition("@")
        return name, digest
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")
