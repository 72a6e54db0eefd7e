"""Asks the recipes of images, whose files are read in a thread, outside of transactions."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from services.compute.protocol import ComputeFailed
from services.domain.errors import InvalidInput
from services.domain.problems import invalid
from services.domain.provided_release import ProvidedRelease


class RecipeSource(Protocol):
    """The recipes that the server can build. A `RecipeBook` is one."""

    def reference(self, recipe: str) -> str:
        """Returns the reference of a recipe's image: another content has another one. Reads files. Raises ComputeFailed."""
        ...

    def provided(self) -> Iterable[str]:
        """Returns the names of the provided recipes."""
        ...

    def release(self, recipe: str) -> ProvidedRelease | None:
        """Returns what a provided recipe makes; None for a recipe of the operator's own."""
        ...


@dataclass(frozen=True, slots=True)
class RecipeImage:
    """The image of a recipe as its files are now. `release` is None for a recipe of the operator's own, whose version nobody knows."""

    recipe: str
    reference: str
    release: ProvidedRelease | None


async def recipe_image(recipes: RecipeSource, recipe: str) -> RecipeImage:
    """Returns the image of the recipe. Raises InvalidInput for one that does not exist or cannot be read."""
    try:
        return await asyncio.to_thread(_read, recipes, recipe)
    except (ComputeFailed, OSError) as error:
        raise invalid("recipe", "UNKNOWN", str(error)) from error


async def existing_images(recipes: RecipeSource, names: Iterable[str]) -> list[RecipeImage]:
    """Returns the images of those recipes that there are still."""
    images = []
    for name in sorted(names):
        with suppress(InvalidInput):
            images.append(await recipe_image(recipes, name))
    return images


def _read(recipes: RecipeSource, recipe: str) -> RecipeImage:
    return RecipeImage(recipe, recipes.reference(recipe), recipes.release(recipe))
