"""The operator's commands that add templates to a workspace, for the command line and the demo."""

from dataclasses import asdict, dataclass

from services.commands import CommandRunner
from services.domain.access import Operator, OperatorPermission
from services.domain.errors import Conflict
from services.domain.problems import check_name
from services.domain.statuses import TemplateStatus, Tool
from services.store import templates as store
from services.store.db.database import Transaction


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
class Templates:
    """Adds templates to workspaces. An existing template of the same name is not changed, except for the image of its recipe."""

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


async def _ensure(transaction: Transaction, workspace_id: str, template: NewTemplate) -> str:
    template_id = await store.id_of(transaction, workspace_id, template.name)
    values = asdict(template)
    if template_id is None:
        return await store.insert_template(transaction, workspace_id, values.pop("name"), values)
    if template.recipe is not None:
        await store.change_image(transaction, template_id, template.recipe, template.image)
    return template_id
