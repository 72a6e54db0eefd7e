"""The commands by which members manage the templates of a workspace (B71, B72, B91)."""

from dataclasses import dataclass
from typing import Any

from services.authorization import require_in_workspace
from services.commands import CommandRunner, MutationCall, idempotency_input
from services.domain.access import MATRIX, Permission, Resource, Viewer
from services.domain.errors import StaleTemplate
from services.domain.problems import Problems
from services.domain.provided_release import ProvidedRelease
from services.domain.unset import UNSET
from services.store import templates as store
from services.store.db.database import Reader, Transaction
from services.store.templates import TemplateState
from services.templates import releases
from services.templates.recipe_images import RecipeImage, RecipeSource, existing_images, recipe_image
from services.templates.requests import CreateTemplateRequest, NewTemplate, RefreshOutcome, RefreshTemplatesRequest, UpdateTemplateRequest
from services.templates.template_rows import add_template, edit_template, given_values
from services.templates.validation import check_recipe_name, check_values

SCOPE = MATRIX[Permission.TEMPLATE_MANAGE].scope
OF_THE_RECIPE = ("tool", "tool_version", "connect_version", "port", "ready_path", "single_user", "embeddable", "prefix_capable")
"""The fields that a provided recipe decides."""


@dataclass(frozen=True, slots=True)
class TemplateManagement:
    """Each method is one command, which needs the permission TEMPLATE_MANAGE."""

    runner: CommandRunner
    recipes: RecipeSource

    async def create(self, viewer: Viewer, request: CreateTemplateRequest) -> str:
        """Returns the id of the new template. Raises NotFound, Forbidden, InvalidInput, TemplateNameTaken, QuotaExceeded."""
        workspace_id = request.workspace_id

        async def body(transaction: Transaction) -> dict[str, Any]:
            await _require(transaction, viewer, workspace_id)
            template = _new_template(request, image)
            return {"template_id": await add_template(transaction, viewer.actor, workspace_id, template)}

        call = MutationCall(viewer, "createTemplate", SCOPE, request.idempotency_key, idempotency_input(request))
        image = await self._image(viewer, request)
        template_id: str = (await self.runner.run(call, workspace_id, body))["template_id"]
        return template_id

    async def update(self, viewer: Viewer, request: UpdateTemplateRequest) -> str:
        """Returns the id of the template. Raises NotFound, Forbidden, InvalidInput, StaleTemplate, TemplateNameTaken."""

        async def body(transaction: Transaction) -> dict[str, Any]:
            await _require(transaction, viewer, workspace_id, Resource.TEMPLATE)
            template = await store.find(transaction, request.template_id)
            if template is None:
                raise Resource.TEMPLATE.not_found()
            _check_revision(template, request.expected_revision)
            problems = Problems()
            check_values(problems, template.tool, given_values(request.changes), allows_commands=False)
            problems.raise_any()
            await edit_template(transaction, viewer.actor, template, request.changes)
            return {}

        call = MutationCall(viewer, "updateTemplate", SCOPE, request.idempotency_key, idempotency_input(request))
        async with self.runner.database.read() as reader:
            found = await store.find(reader, request.template_id)
        if found is None:
            raise Resource.TEMPLATE.not_found()
        workspace_id = found.workspace_id
        await self.runner.run(call, workspace_id, body)
        return request.template_id

    async def refresh(self, viewer: Viewer, request: RefreshTemplatesRequest) -> RefreshOutcome:
        """Adds newer releases of the recipes that the workspace has templates of, and updates the images of present ones.

        With `add_missing` it also adds the provided recipes that the workspace has no template of.

        Raises NotFound, Forbidden, QuotaExceeded.
        """
        workspace_id = request.workspace_id

        async def body(transaction: Transaction) -> dict[str, Any]:
            await _require(transaction, viewer, workspace_id)
            outcome = await releases.refresh_all(transaction, viewer.actor, workspace_id, images, add_missing=request.add_missing)
            return {"added": list(outcome.added), "updated": list(outcome.updated)}

        call = MutationCall(viewer, "refreshTemplates", SCOPE, request.idempotency_key, idempotency_input(request))
        async with self.runner.database.read() as reader:
            await _require(reader, viewer, workspace_id)
            names = await store.recipes_of(reader, workspace_id)
        images = await existing_images(self.recipes, {*names, *(self.recipes.provided() if request.add_missing else ())})
        result = await self.runner.run(call, workspace_id, body)
        return RefreshOutcome(tuple(result["added"]), tuple(result["updated"]))

    async def _image(self, viewer: Viewer, request: CreateTemplateRequest) -> RecipeImage | None:
        """Returns the image of the requested recipe. The right is checked before, so that a stranger learns no recipes."""
        if request.recipe is None:
            return None
        async with self.runner.database.read() as reader:
            await _require(reader, viewer, request.workspace_id)
        problems = Problems()
        check_recipe_name(problems, request.recipe)
        problems.raise_any()
        return await recipe_image(self.recipes, request.recipe)


async def _require(reader: Reader, viewer: Viewer, workspace_id: str, resource: Resource = Resource.WORKSPACE) -> None:
    await require_in_workspace(reader, viewer, workspace_id, Permission.TEMPLATE_MANAGE, resource)


def _check_revision(template: TemplateState, expected: int | None) -> None:
    if expected is not None and expected != template.revision:
        message = f"The template was edited: its revision is {template.revision}, not {expected}. Read it again, then repeat the change."
        raise StaleTemplate(message, template_id=template.id, revision=template.revision)


def _new_template(request: CreateTemplateRequest, image: RecipeImage | None) -> NewTemplate:
    """Returns the template that the request describes. Raises InvalidInput with all that is wrong."""
    problems = Problems()
    if (request.image is None) == (request.recipe is None):
        problems.add("image", "ONE_OF", "Give an image or a recipe, and not both.")
    release = image.release if image else None
    values: dict[str, Any] = {"name": request.name, "icon_url": _icon_url(request, release), "experimental": request.experimental}
    values |= _release_values(problems, request, release)
    checked = values if request.image is None else {**values, "image": request.image}
    check_values(problems, values.get("tool", ""), checked, allows_commands=False)
    problems.raise_any()
    return NewTemplate(**values, recipe=request.recipe, image=image.reference if image else request.image or "")


def _icon_url(request: CreateTemplateRequest, release: ProvidedRelease | None) -> str | None:
    return release.icon_url if request.icon_url is None and release is not None else request.icon_url


def _release_values(problems: Problems, request: CreateTemplateRequest, release: ProvidedRelease | None) -> dict[str, Any]:
    """Returns the values that a provided recipe decides, or else the request."""
    given = {name: getattr(request, name) for name in OF_THE_RECIPE if getattr(request, name) is not UNSET}
    if release is not None:
        for field in given:
            problems.add(field, "LOCKED", f"The recipe {request.recipe} says this. Leave the field out.")
        return {name: getattr(release, name) for name in OF_THE_RECIPE}
    for field in ("tool", "tool_version"):
        if field not in given:
            problems.add(field, "REQUIRED", "A template needs this, unless it is made from a provided recipe.")
    return given
