"""Builds the build contexts of the provided images: a directory of `images/` with the files that it shares with others.

`python -m services.compute.docker.recipes` lists them; with a name, and a file of certificates if need be, it writes the context to its
standard output, for `docker build -`: see `make images`.
"""

import base64
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from services.compute.protocol import ComputeFailed
from services.domain.provided_release import ProvidedRelease
from services.domain.statuses import Tool

IMAGES = Path(__file__).resolve().parents[3] / "images"
"""Beside the packages, in the source tree as in an installation."""
REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
CERTIFICATES = "certificates.crt"
CONDA, CONDA_ENVIRONMENT = "conda", "environment.json"
PROGRAM, TEXT = 0o755, 0o644
DIGEST_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """A provided image: what templates of it say, and the files of its context besides those of `images/<name>`.

    `extends` names another recipe, whose files are in the context as well; a file of the recipe's own takes the place of one of them.
    """

    name: str
    release: ProvidedRelease
    shared: Mapping[str, Path] = field(default_factory=dict)
    extends: str | None = None

    @property
    def version(self) -> str:
        return self.release.tool_version

    def files(self) -> dict[str, bytes]:
        """Returns the files that the Dockerfile may COPY, by path."""
        paths = {**(_paths(IMAGES / self.extends) if self.extends else {}), **_paths(IMAGES / self.name), **self.shared}
        return {**trust(), **{name: path.read_bytes() for name, path in paths.items()}}


def _paths(directory: Path) -> dict[str, Path]:
    return {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}


def trust() -> dict[str, bytes]:
    """Returns the script, part of every context, that makes an image trust the certificates of the build."""
    return {"trust": (IMAGES / "trust").read_bytes()}


def _icon_url(recipe: str) -> str:
    """Returns the icon of a recipe's templates, `images/icons/<recipe>.svg`, as a data URL."""
    return f"data:image/svg+xml;base64,{base64.b64encode((IMAGES / 'icons' / f'{recipe}.svg').read_bytes()).decode()}"


def _release(recipe: str, title: str, tool: Tool, version: str, **values: Any) -> ProvidedRelease:
    return ProvidedRelease(title, tool, version, icon_url=_icon_url(recipe), **values)


_JUPYTERLAB = {"requirements.txt": REQUIREMENTS / "jupyterlab-4.6.6.txt"}
_RECIPES = (
    Recipe("jupyter", _release("jupyter", "JupyterLab", Tool.JUPYTERLAB, "4.6.6", prefix_capable=True), _JUPYTERLAB),
    Recipe("vscode", _release("vscode", "VS Code", Tool.VSCODE, "1.100.3", port=8080, ready_path="/healthz")),
    Recipe("xpra", _release("xpra", "Xpra desktop", Tool.XPRA, "3.1.3", port=14500)),
    Recipe("r-ide", _release("r-ide", "R", Tool.R_IDE, "4.2.2", prefix_capable=True), _JUPYTERLAB, extends="jupyter"),
)
RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _RECIPES})


def context(recipe: str, *, certificates: bytes | None = None) -> bytes:
    """Returns the build context as a tar: the same bytes for the same content on every machine.

    `certificates` (PEM) are trusted during the build and in the image. Raises ComputeFailed for an unknown recipe.
    """
    if recipe not in RECIPES:
        raise ComputeFailed(f"There is no recipe {recipe!r}; there is {', '.join(RECIPES)}.")
    return packed(RECIPES[recipe].files() | ({CERTIFICATES: certificates} if certificates else {}))


def conda_files() -> dict[str, bytes]:
    """Returns the files that install Conda packages on an image, by path."""
    directory = IMAGES / CONDA
    return {**trust(), **{path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}}


def conda_installer() -> str:
    """Returns the digest of these files: others make another image of the same packages."""
    return hashlib.sha256(packed(conda_files())).hexdigest()


def conda_context(environment: Mapping[str, Any], *, certificates: bytes | None = None) -> bytes:
    """Returns the build context that installs the environment on an image, as a tar."""
    described = {CONDA_ENVIRONMENT: json.dumps(dict(environment), sort_keys=True).encode()}
    return packed(conda_files() | described | ({CERTIFICATES: certificates} if certificates else {}))


def packed(files: Mapping[str, bytes]) -> bytes:
    """Returns a tar that depends on names and contents only: no times, no owners, and a mode for programs (`#!`)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), PROGRAM if data.startswith(b"#!") else TEXT
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def reference(recipe: str, base: str, *, certificates: bytes | None = None) -> str:
    """Returns the reference of the image: another content or base has another one. Raises as `context`."""
    return called(recipe, base, context(recipe, certificates=certificates))


def called(recipe: str, base: str, context: bytes) -> str:
    """Does the same for a context. The tag of a provided image begins with the version of its tool."""
    content = hashlib.sha256(context + base.encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"studiograph/{recipe}:{RECIPES[recipe].version}-{content}" if recipe in RECIPES else f"studiograph/{recipe}:{content}"


def main(arguments: list[str]) -> None:
    if not arguments:
        sys.stdout.write("".join(f"{recipe.name}:{recipe.version}\n" for recipe in RECIPES.values()))
        return
    certificates = Path(arguments[1]).read_bytes() if arguments[1:] else None
    sys.stdout.buffer.write(context(arguments[0].partition(":")[0], certificates=certificates))


if __name__ == "__main__":
    main(sys.argv[1:])
