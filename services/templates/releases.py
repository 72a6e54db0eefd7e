"""Adds newer releases of provided images to the templates of a workspace, and keeps the images of present ones up to date (B72)."""

from collections.abc import Iterable, Sequence

from services.domain.actor import Actor
from services.domain.limits import MAX_NAME_LENGTH
from services.domain.names import name_key
from services.domain.provided_release import ProvidedRelease
from services.domain.template_status import release_key
from services.domain.versions import ConnectVersion, tool_version_key
from services.store import templates as store
from services.store.db.database import Transaction
from services.store.templates import TemplateState
from services.templates.recipe_images import RecipeImage
from services.templates.requests import NewTemplate, RefreshOutcome
from services.templates.template_rows import add_template, replace_image


async def refresh_all(
    transaction: Transaction, actor: Actor, workspace_id: str, images: Iterable[RecipeImage], *, add_missing: bool
) -> RefreshOutcome:
    """Brings the workspace's templates of each recipe up to date. Raises QuotaExceeded.

    With `add_missing`, a provided recipe that the workspace has no template of becomes one, with the usual name of its tool.
    """
    outcome = RefreshOutcome()
    for image in images:
        outcome += await refresh(transaction, actor, workspace_id, image)
        if add_missing:
            outcome += await _add_if_missing(transaction, actor, workspace_id, image)
    return outcome


async def refresh(transaction: Transaction, actor: Actor, workspace_id: str, image: RecipeImage) -> RefreshOutcome:
    """Brings the workspace's templates of one recipe up to date; does nothing if there are none.

    Templates of the recipe's release, by tool version and connect version, get its present image. If all templates of the recipe are
    older, the release becomes a new template, and they stay as they are: no Studio gets another tool unasked. Templates of a recipe of
    the operator's own, which says no version, all get its image. Raises QuotaExceeded.
    """
    templates = await store.of_workspace(transaction, workspace_id)
    siblings = [each for each in templates if each.recipe == image.recipe]
    same = [each for each in siblings if image.release is None or is_of_release(each, image.release)]
    updated = [each.id for each in same if await replace_image(transaction, actor, each, image.reference)]
    if image.release is None or same or not siblings or _is_older(image.release, siblings):
        return RefreshOutcome(updated=tuple(updated))
    latest = max(siblings, key=release_key)
    name = release_name(latest, image.release, templates)
    template = NewTemplate.of_release(image.release, name, image.recipe, image.reference, latest.icon_url)
    return RefreshOutcome(added=(await add_template(transaction, actor, workspace_id, template),))


async def _add_if_missing(transaction: Transaction, actor: Actor, workspace_id: str, image: RecipeImage) -> RefreshOutcome:
    templates = await store.of_workspace(transaction, workspace_id)
    if image.release is None or any(each.recipe == image.recipe for each in templates):
        return RefreshOutcome()
    name = _free_name(image.release.title, image.release, templates, with_version=False)
    template = NewTemplate.of_release(image.release, name, image.recipe, image.reference)
    return RefreshOutcome(added=(await add_template(transaction, actor, workspace_id, template),))


def is_of_release(template: TemplateState, release: ProvidedRelease) -> bool:
    """Returns whether the template has the versions of the release."""
    return (template.tool_version, template.connect_version) == (release.tool_version, release.connect_version)


def release_name(latest: TemplateState, release: ProvidedRelease, templates: Sequence[TemplateState]) -> str:
    """Returns a free name for the template of a newer release: that of the latest one with the new version in place of the old."""
    base = latest.name.removesuffix(f" {latest.tool_version} ({latest.connect_version})").removesuffix(f" {latest.tool_version}")
    return _free_name(base, release, templates, with_version=True)


def _free_name(base: str, release: ProvidedRelease, templates: Sequence[TemplateState], *, with_version: bool) -> str:
    """Returns the first name that no template has: the base alone, unless `with_version`; then with the versions, then numbered."""
    taken = {name_key(each.name) for each in templates}
    endings = [f" {release.tool_version}", f" {release.tool_version} ({release.connect_version})"]
    endings += [f"{endings[1]} {number}" for number in range(2, len(templates) + 3)]
    names = [base[: MAX_NAME_LENGTH - len(ending)].rstrip() + ending for ending in ([] if with_version else [""]) + endings]
    return next(name for name in names if name_key(name) not in taken)


def _is_older(release: ProvidedRelease, siblings: Sequence[TemplateState]) -> bool:
    key = tool_version_key(release.tool_version), ConnectVersion.parse(release.connect_version)
    return any(key < release_key(each) for each in siblings)
