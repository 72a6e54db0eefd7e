"""The operator's commands that add, change, refresh and remove the templates of a workspace, for the command line and the demo."""

from dataclasses import asdict, dataclass

from services.commands import CommandRunner
from services.domain.access import Operator, OperatorPermission
from services.domain.errors import Conflict, NotFound, StillNeeded
from services.domain.event_payloads import TemplateChange, TemplateChanged
from services.domain.problems import Problems
from services.domain.statuses import TemplateStatus
from services.domain.template_status import catalogue_order, release_key, statuses
from services.store import dependents
from services.store import templates as store
from services.store.db.database import Transaction
from services.store.templates import TemplateState
from services.templates import releases
from services.templates.recipe_images import RecipeImage, RecipeSource, existing_images
from services.templates.requests import NewTemplate, RefreshOutcome, TemplateChanges
from services.templates.template_rows import add_template, edit_template, given_values, log_change, replace_image
from services.templates.validation import check_values


@dataclass(frozen=True, slots=True)
class Templates:
    """Each method that takes an operator is one command; it raises Forbidden without the permission TEMPLATE_MANAGE."""

    runner: CommandRunner

    async def ensure(self, operator: Operator, workspace_id: str, template: NewTemplate, image: RecipeImage) -> str:
        """Returns the id of the workspace's template of the newest release of a recipe, which is brought up to date.

        Without a template of the recipe, it is that of the template's name, which is added if needed.
        """

        async def body(transaction: Transaction) -> str:
            await releases.refresh(transaction, operator.actor, workspace_id, image)
            siblings = [each for each in await store.of_workspace(transaction, workspace_id) if each.recipe == image.recipe]
            if siblings:
                return max(siblings, key=release_key).id
            present = await store.id_of(transaction, workspace_id, template.name)
            return present or await add_template(transaction, operator.actor, workspace_id, template)

        return await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, workspace_id, body)

    async def add(self, operator: Operator, workspace_id: str, template: NewTemplate) -> str:
        """Returns the id of the workspace's template of that name, which is added if needed; with the same recipe and versions, it gets
        the image. Raises InvalidInput, QuotaExceeded, and Conflict if an existing template has another image."""

        async def body(transaction: Transaction) -> str:
            template_id = await store.id_of(transaction, workspace_id, template.name)
            present = await store.find(transaction, template_id) if template_id else None
            if present is None:
                return await add_template(transaction, operator.actor, workspace_id, template)
            if template.recipe is not None and _release_of(present) == _release_of(template):
                await replace_image(transaction, operator.actor, present, template.image)
            elif present.image != template.image:
                raise Conflict(f"There is a template {template.name} already, and it runs {present.image}. Give this one another name.")
            return present.id

        problems = Problems()
        check_values(problems, template.tool, asdict(template), allows_commands=True)
        problems.raise_any()
        return await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, workspace_id, body)

    async def of_workspace(self, workspace_id: str) -> list[tuple[TemplateState, TemplateStatus]]:
        """Returns the templates of a workspace in the order of the catalogue, each with its status."""
        async with self.runner.database.read() as reader:
            templates = await store.of_workspace(reader, workspace_id)
        status_by_id = statuses(templates)
        return [(template, status_by_id[template.id]) for template in catalogue_order(templates)]

    async def find(self, workspace_id: str, name: str) -> tuple[TemplateState, TemplateStatus]:
        """Returns the workspace's template of that name, with its status. Raises NotFound."""
        async with self.runner.database.read() as reader:
            template_id = await store.id_of(reader, workspace_id, name)
        found = [pair for pair in await self.of_workspace(workspace_id) if pair[0].id == template_id]
        if not found:
            raise NotFound(f"There is no template {name} in this workspace.")
        return found[0]

    async def edit(self, operator: Operator, template: TemplateState, changes: TemplateChanges) -> None:
        """Changes a template; Studios meet it at their next start. Raises InvalidInput, and TemplateNameTaken."""

        async def body(transaction: Transaction) -> None:
            present = await store.find(transaction, template.id)
            if present is None:
                raise NotFound(f"There is no template {template.name} in this workspace.")
            await edit_template(transaction, operator.actor, present, changes)

        problems = Problems()
        check_values(problems, template.tool, given_values(changes), allows_commands=True)
        problems.raise_any()
        await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, template.workspace_id, body)

    async def refresh(self, operator: Operator, workspace_id: str, recipes: RecipeSource, *, add_missing: bool = False) -> RefreshOutcome:
        """Adds newer releases of the recipes that the workspace has templates of, and updates the images of present ones.

        With `add_missing` it also adds the provided recipes that the workspace has no template of.
        """

        async def body(transaction: Transaction) -> RefreshOutcome:
            return await releases.refresh_all(transaction, operator.actor, workspace_id, images, add_missing=add_missing)

        async with self.runner.database.read() as reader:
            names = await store.recipes_of(reader, workspace_id)
        images = await existing_images(recipes, {*names, *(recipes.provided() if add_missing else ())})
        return await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, workspace_id, body)

    async def remove(self, operator: Operator, template: TemplateState) -> None:
        """Removes a template that no Studio uses. Raises StillNeeded, which names the Studios that do."""

        async def body(transaction: Transaction) -> None:
            needed_by = await dependents.of_template(transaction, template.id)
            if needed_by:
                raise StillNeeded(f"The template {template.name}", needed_by)
            await store.remove(transaction, template.id)
            event = TemplateChanged(template.id, template.name, TemplateChange.REMOVED)
            await log_change(transaction, operator.actor, template.workspace_id, event)

        await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, template.workspace_id, body)


def _release_of(template: NewTemplate | TemplateState) -> tuple[str | None, str, str]:
    return template.recipe, template.tool_version, template.connect_version
