"""Finds the recipe of an image, provided or the operator's own, and builds its context with the settings of all builds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.compute.docker import recipes
from services.compute.protocol import ComputeFailed
from services.domain.provided_release import ProvidedRelease

DOCKERFILE = "Dockerfile"


@dataclass(frozen=True, slots=True)
class RecipeBook:
    """The recipes. `base` is the base image of builds (empty = each recipe's own); `certificates` (a PEM file) are trusted in all of them.

    `own` is a directory with further recipes, a directory with a Dockerfile each; they come before the provided ones.
    """

    base: str = ""
    certificates: Path | None = None
    own: Path | None = None

    @property
    def arguments(self) -> dict[str, str]:
        """The build arguments of every build."""
        return {"BASE": self.base} if self.base else {}

    def context(self, recipe: str) -> bytes:
        """Returns the build context as a tar. Reads files. Raises ComputeFailed."""
        directory = self._own_directory(recipe)
        if directory is None:
            return recipes.context(recipe, certificates=self._trusted())
        files = {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
        trusted = self._trusted()
        return recipes.packed({**recipes.trust(), **files} | ({recipes.CERTIFICATES: trusted} if trusted else {}))

    def conda_context(self, environment: Mapping[str, Any]) -> bytes:
        """Returns the build context that installs Conda packages on an image. Reads files. Raises ComputeFailed."""
        return recipes.conda_context(environment, certificates=self._trusted())

    def reference(self, recipe: str) -> str:
        """Returns the reference of a recipe's image: another content or base has another one. Reads files. Raises ComputeFailed."""
        return recipes.called(recipe, self.base, self.context(recipe))

    def provided(self) -> Iterable[str]:
        """Returns the names of the provided recipes, those that the operator replaced by their own left out."""
        return [recipe for recipe in recipes.RECIPES if self.release(recipe) is not None]

    def release(self, recipe: str) -> ProvidedRelease | None:
        """Returns what a provided recipe makes; None for a recipe of the operator's own, also where it has the name of a provided one."""
        is_provided = recipe in recipes.RECIPES and self._own_directory(recipe) is None
        return recipes.RECIPES[recipe].release if is_provided else None

    def _own_directory(self, recipe: str) -> Path | None:
        directory = self.own / recipe if self.own else None
        return directory if directory is not None and (directory / DOCKERFILE).is_file() else None

    def _trusted(self) -> bytes | None:
        if self.certificates is None:
            return None
        try:
            return self.certificates.read_bytes()
        except OSError as error:
            raise ComputeFailed(f"STUDIOGRAPH_IMAGE_CERTIFICATES cannot be read: {error}.") from error
