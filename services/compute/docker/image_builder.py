"""Builds images of recipes, and the images of environments with Conda packages on them."""

import asyncio
import re
from weakref import WeakValueDictionary

from services.compute.docker import image_builds
from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.docker.images import Images
from services.compute.docker.recipe_book import RecipeBook
from services.compute.docker.request_bodies import Image
from services.compute.protocol import ComputeFailed, ComputeUnknown, CondaLayer, ImageBuild, OutputSink

ERROR_LINE = re.compile(rb"^conda-error: (.*)$", re.MULTILINE)
"""A line in which images/conda/install says why an environment cannot be installed."""
STAGE_LABEL = "studiograph.stage-of"
MAX_ERROR_BYTES = 16 * 1024
"""Of the end of a build's output, in which such lines are looked for."""


class ImageBuilder:
    """Builds images of a compute environment on its engine, which others may share: each has its own stages."""

    def __init__(self, engine: Engine, environment_id: str, images: Images, recipes: RecipeBook) -> None:
        self._engine = engine
        self._environment_id = environment_id
        self._images = images
        self._recipes = recipes
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def build(self, build: ImageBuild, output: OutputSink) -> None:
        """Raises ComputeFailed, ComputeUnknown."""
        if build.conda is None:
            await self._build_recipe(build.reference, build.directory, output)
        else:
            await self._build_environment(build.reference, build.directory, build.conda, output)

    async def _build_recipe(self, reference: str, recipe: str, output: OutputSink) -> None:
        context = await asyncio.to_thread(self._recipes.context, recipe)
        await image_builds.build(self._engine, reference, context, self._recipes.arguments, output)
        await self._images.built(reference)

    async def _build_environment(self, reference: str, recipe: str, conda: CondaLayer, output: OutputSink) -> None:
        base = await self._base(recipe, conda.base, output)
        context = await asyncio.to_thread(self._recipes.conda_context, conda.environment)
        arguments = {**self._recipes.arguments, "IMAGE": base.id, "STAGE": self._stage(reference)}
        ending = _OutputEnd(output)
        try:
            await image_builds.build(self._engine, reference, context, arguments, ending)
        except ComputeFailed as error:
            await self._remove_stage(reference)
            if not ending.error:
                raise
            raise ComputeFailed(ending.error) from error
        await self._images.built(reference)
        await self._remove_stage(reference)

    async def _base(self, recipe: str, reference: str, output: OutputSink) -> Image:
        """Returns the image of the recipe, which is built if it is missing: once, whatever number of builds in this process need it."""
        async with self._locks.setdefault(reference, asyncio.Lock()):
            if await self._images.find(reference) is None:
                await self._build_recipe(reference, recipe, output)
            image = await self._images.find(reference)
        if image is None:
            raise ComputeUnknown(f"the image {reference} was removed during a build that needs it")
        return image

    async def _remove_stage(self, reference: str) -> None:
        """Removes the stage in which the environment was made, which is as large as the environment, step by step from the last one.

        The steps before it are the same for all environments, and are kept.
        """
        filters = {"dangling": ["true"], "label": [f"{STAGE_LABEL}={self._stage(reference)}"]}
        while images := await self._engine.all("images/json", filters=filters):
            for image in images:
                try:
                    await self._engine.call("DELETE", f"images/{image['Id']}", params={"noprune": "true"})
                except (Absent, Conflict):
                    return  # a build of it that another server took over is at work, and removes it

    def _stage(self, reference: str) -> str:
        return f"{self._environment_id}/{reference}"


class _OutputEnd:
    """Passes the output of a build on, and keeps the end of it."""

    def __init__(self, output: OutputSink) -> None:
        self._output = output
        self._end = b""

    async def __call__(self, data: bytes) -> None:
        self._end = (self._end + data)[-MAX_ERROR_BYTES:]
        await self._output(data)

    @property
    def error(self) -> str:
        """Why the environment cannot be installed; empty if the output does not say it."""
        return "\n".join(line.decode(errors="replace").rstrip() for line in ERROR_LINE.findall(self._end))
