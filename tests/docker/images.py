"""Images that differ in one thing from the tiny tool's."""

import io
import tarfile

from services.compute.protocol import ImageSpec
from tests.docker.tiny_image import docker, import_image, tiny_image


def variant(name: str, *changes: str, empty: bool = False) -> ImageSpec:
    """The tiny tool's image with these Dockerfile instructions; or one with nothing in it but a command."""
    base = tiny_image()
    reference = f"studiograph-test/{name}:{base.rpartition(':')[2]}"
    if not docker("images", "-q", reference):
        if empty:
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as archive:
                archive.addfile(tarfile.TarInfo("empty"))
            import_image(reference, buffer.getvalue(), ["/nothing"])
        else:
            lines = "\n".join([f"FROM {base}", *changes])
            docker("build", "-q", "-t", reference, "-", data=lines.encode())
    return ImageSpec("CUSTOM", reference, "")
