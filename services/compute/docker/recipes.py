"""Recipes of images: a directory each, made into the context of a build."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.compute.protocol import ComputeFailed

IMAGES = Path(__file__).parents[3] / "images"
CERTIFICATES = "certificates.crt"


@dataclass(frozen=True, slots=True)
class Recipes:
    """The recipes below `directory`. `base` is what they begin from (empty = what each says itself); `certificates` are trusted besides."""

    directory: Path
    base: str = ""
    certificates: Path | None = None

    @classmethod
    def provided(cls) -> Self:
        return cls(IMAGES)

    @property
    def arguments(self) -> dict[str, str]:
        """What every build is told."""
        return {"BASE": self.base} if self.base else {}

    def context(self, word: str) -> bytes:
        """The recipe's directory as a tar, the same for the same files. Raises ComputeFailed."""
        directory = self.directory / word
        if not (directory / "Dockerfile").is_file():
            raise ComputeFailed(f"There is no recipe {word!r} in {self.directory}.")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path in sorted(path for path in directory.rglob("*") if path.is_file()):
                _add(archive, str(path.relative_to(directory)), path)
            if self.certificates is not None:
                _add(archive, CERTIFICATES, self.certificates)
        return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    """Without owner and time, so that the engine finds what it built before."""
    data = path.read_bytes()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), path.stat().st_mode & 0o755
    archive.addfile(member, io.BytesIO(data))
