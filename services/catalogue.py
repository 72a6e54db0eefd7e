"""What a workspace can run and where: templates and compute environments, as the operator adds them (command line, demo)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from services.compute.protocol import Report
from services.domain.errors import Conflict
from services.domain.problems import check_name
from services.domain.statuses import ComputeKind, TemplateStatus, Tool
from services.store import catalogue as store
from services.store import compute_environments, outbox
from services.store.db.database import Database


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """`image` is an image reference, or the process kind's recipe: a word it knows, or for CUSTOM a shell-quoted command line.

    With a `recipe` (a directory of images/) a container image is built where sessions run, rather than pulled.
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
class Catalogue:
    """Adds what is not there yet; what is there under the same name stays as it is, but for the images of provided recipes."""

    database: Database

    async def ensure_template(self, workspace_id: str, new: NewTemplate) -> str:
        """The id of the workspace's template of that name. One of the same recipe gets the image as it is called now."""
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, workspace_id)
            known = await store.template_id_of(transaction, workspace_id, new.name)
            values = asdict(new)
            if known is None:
                return await store.insert_template(transaction, workspace_id, values.pop("name"), values)
            if new.recipe is not None:
                await store.change_image(transaction, known, new.recipe, new.image)
            return known

    async def add_template(self, workspace_id: str, new: NewTemplate) -> None:
        """`ensure_template` for a person, who is told what is not as they asked. Raises InvalidInput, Conflict."""
        check_name(new.name)
        template_id = await self.ensure_template(workspace_id, new)
        async with self.database.read() as reader:
            found = await compute_environments.template(reader, template_id)
        if found is not None and found.image != new.image:
            raise Conflict(f"There is a template {new.name} already, and it runs {found.image}. Give this one another name.")

    async def add_environment(self, workspace_id: str, name: str, kind: ComputeKind, settings: Mapping[str, str]) -> tuple[str, bool]:
        """The same for `ensure_environment`."""
        check_name(name)
        environment_id, is_new = await self.ensure_environment(workspace_id, name, kind, settings)
        async with self.database.read() as reader:
            found = await compute_environments.find(reader, environment_id)
        if found is not None and (found.kind, found.settings) != (kind, dict(settings)):
            what = f"{found.kind} {found.settings.get('url', '')}".strip()
            raise Conflict(f"There is a compute environment {name} already, and it is another one: {what}. Give this one another name.")
        return environment_id, is_new

    async def ensure_environment(
        self, workspace_id: str, name: str, kind: ComputeKind, settings: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[str, bool]:
        """The id of the workspace's compute environment of that name, and whether it is new: then it has no capacity until one is noted.

        `settings` belong to the kind, and are for a new one.
        """
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, workspace_id)
            known = await store.environment_id_of(transaction, workspace_id, name)
            if known is not None:
                return known, False
            values: dict[str, Any] = {
                "kind": kind.value,
                "settings": dict(settings),
                "enabled": True,
                "reachable": True,
                "cpu": 0,
                "memory_mib": 0,
                "gpu": 0,
                "environment": [],
            }
            return await store.insert_environment(transaction, workspace_id, name, values), True

    async def switch(self, kind: ComputeKind, *, enabled: bool) -> None:
        """What the server's settings say of a kind holds for its environments: none is offered that no session may run on."""
        async with self.database.write() as transaction:
            await compute_environments.switch(transaction, kind.value, enabled=enabled)

    async def note_capacity(self, environment_id: str, report: Report) -> None:
        """What a check of the environment found."""
        async with self.database.write() as transaction:
            await compute_environments.change(transaction, environment_id, cpu=report.cpu, memory_mib=report.memory_mib, gpu=report.gpu)
