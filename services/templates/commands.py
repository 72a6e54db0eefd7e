"""The operator's commands that add, change and remove the templates of a workspace, for the command line and the demo."""

from dataclasses import asdict, dataclass

from services.commands import CommandRunner
from services.domain.access import Operator, OperatorPermission
from services.domain.errors import Conflict, NotFound, StillNeeded
from services.domain.names import name_key
from services.domain.problems import check_name
from services.domain.statuses import TemplateStatus, Tool
from services.store import dependents
from services.store import templates as store
from services.store.db.database import Transaction
from services.store.templates import TemplateState


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template to be added.

    `image` is an image reference, or what the process kind runs: a word it knows, or for CUSTOM a shell-quoted command line. With a
    `recipe` (a directory of images/) a container image is built where sessions run, rather than pulled.
    """

    name: str
    tool: Tool
    image: str
    tool_version: str
    recipe: str | None = None
    connect_version: str = "0.1.0"
    status: TemplateStatus = TemplateStatus.RECOMMENDED
    icon_url: str | None = None
    port: int = 8888
    ready_path: str = "/"
    single_user: bool = False
    embeddable: bool = True


@dataclass(frozen=True, slots=True)
class TemplateChanges:
    """What is to be changed of a template; None leaves a value. An `image` takes the place of the recipe, too."""

    name: str | None = None
    image: str | None = None
    tool_version: str | None = None
    status: TemplateStatus | None = None
    port: int | None = None
    ready_path: str | None = None


@dataclass(frozen=True, slots=True)
class Templates:
    """Adds, changes and removes templates.

    When one is added, an existing template of the same name is not changed, except for the image of its recipe.
    """

    runner: CommandRunner

    async def ensure(self, operator: Operator, workspace_id: str, template: NewTemplate) -> str:
        """Returns the id of the workspace's template of that name, which is added if needed. With the same recipe, its image is updated.

        Raises Forbidden.
        """

        async def body(transaction: Transaction) -> str:
            return await _ensure(transaction, workspace_id, template)

        return await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, workspace_id, body)

    async def add(self, operator: Operator, workspace_id: str, template: NewTemplate) -> str:
        """Does the same as `ensure`, but raises Conflict if an existing template has another image. Raises Forbidden, InvalidInput."""

        async def body(transaction: Transaction) -> str:
            template_id = await _ensure(transaction, workspace_id, template)
            row = await store.find(transaction, template_id)
            if row is not None and row.image != template.image:
                raise Conflict(f"There is a template {template.name} already, and it runs {row.image}. Give this one another name.")
            return template_id

        check_name(template.name)
        return await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, workspace_id, body)

    async def of_workspace(self, workspace_id: str) -> list[TemplateState]:
        """Returns the templates of a workspace by name."""
        async with self.runner.database.read() as reader:
            return await store.of_workspace(reader, workspace_id)

    async def find(self, workspace_id: str, name: str) -> TemplateState:
        """Returns the workspace's template of that name. Raises NotFound."""
        async with self.runner.database.read() as reader:
            template_id = await store.id_of(reader, workspace_id, name)
            template = await store.find(reader, template_id) if template_id else None
        if template is None:
            raise NotFound(f"There is no template {name} in this workspace.")
        return template

    async def edit(self, operator: Operator, template: TemplateState, changes: TemplateChanges) -> None:
        """Changes a template; Studios meet it at their next start. Raises InvalidInput, and Conflict for a name that is taken."""

        async def body(transaction: Transaction) -> None:
            values = {field: value for field, value in asdict(changes).items() if value is not None}
            if changes.name is not None:
                if await store.name_taken(transaction, template, name_key(changes.name)):
                    raise Conflict(f"There is a template {changes.name.strip()} already in this workspace.", field=("name",))
                values |= {"name": changes.name.strip(), "name_key": name_key(changes.name)}
            if changes.image is not None:
                values["recipe"] = None
            if values:
                await store.change(transaction, template.id, **values)

        if changes.name is not None:
            check_name(changes.name)
        await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, template.workspace_id, body)

    async def remove(self, operator: Operator, template: TemplateState) -> None:
        """Removes a template that no Studio uses. Raises StillNeeded, which names the Studios that do."""

        async def body(transaction: Transaction) -> None:
            needed_by = await dependents.of_template(transaction, template.id)
            if needed_by:
                raise StillNeeded(f"The template {template.name}", needed_by)
            await store.remove(transaction, template.id)

        await self.runner.run_for_operator(operator, OperatorPermission.TEMPLATE_MANAGE, template.workspace_id, body)


async def _ensure(transaction: Transaction, workspace_id: str, template: NewTemplate) -> str:
    template_id = await store.id_of(transaction, workspace_id, template.name)
    values = asdict(template)
    if template_id is None:
        return await store.insert_template(transaction, workspace_id, values.pop("name"), values)
    if template.recipe is not None:
        await store.change_image(transaction, template_id, template.recipe, template.image)
    return template_id
