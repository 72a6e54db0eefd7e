"""The inputs of mutations of templates."""

import strawberry

from schema.enums import Tool
from schema.inputs.configuration import not_null, nullable, present, refuse_nulls
from schema.inputs.fields import decode, expected_template_revision, idempotency_key
from services.domain.limits import MAX_ICON_DATA_LENGTH, MAX_ICON_URL_LENGTH, MAX_IMAGE_LENGTH, MAX_NAME_LENGTH, MAX_READY_PATH_LENGTH
from services.domain.provided_release import DEFAULT_PORT, DEFAULT_READY_PATH
from services.domain.versions import CONNECT_VERSION, MAX_TOOL_VERSION_LENGTH
from services.templates.requests import CreateTemplateRequest, RefreshTemplatesRequest, TemplateChanges, UpdateTemplateRequest

NAME = f"The name of the template: 1 to {MAX_NAME_LENGTH} characters, unique in the workspace. Upper and lower case count as equal."
IMAGE = (
    f"The reference of the container image, at most {MAX_IMAGE_LENGTH} characters, for example `registry.example.org/lab/marimo:0.14`. The "
    "engine must have the image, or be able to pull it."
)
TOOL_VERSION = (
    f"The version of the tool, at most {MAX_TOOL_VERSION_LENGTH} characters, beginning with a digit, for example `4.6.6`. It decides which "
    "template of a tool is RECOMMENDED."
)
CONNECT = "The version of the component that connects the tool with Studiograph, as major.minor.patch."
EXPERIMENTAL = "Whether the template is marked as experimental: new Studios use it only with `acceptExperimental`."
ICON = (
    f"The URL of an icon: https with at most {MAX_ICON_URL_LENGTH} characters, or a data URL of a PNG, JPEG, GIF, WebP or SVG image in "
    f"base64 with at most {MAX_ICON_DATA_LENGTH // 1024} KiB."
)
PORT = "The TCP port on which the tool listens in its container: 1 to 65535."
READY_PATH = f"The path whose response shows that the tool is ready: it begins with `/` and has at most {MAX_READY_PATH_LENGTH} characters."
SINGLE_USER = "Whether the tool serves only one user at a time."
EMBEDDABLE = "Whether the browser shows the tool inside a page of Studiograph. If not, the tool fills the tab."
PREFIX_CAPABLE = "Whether the tool can serve below a path prefix, which it then takes from the variable CONNECT_TOOL_PATH_PREFIX."
OF_RECIPE = "If omitted or null, the value of the provided recipe, which takes no other; without a provided recipe,"
NEEDED = "If omitted or null, the value of the provided recipe, which takes no other; without a provided recipe, an error."
KEPT = "If omitted, the present value stays; null is an error."


@strawberry.input(description="The input of `createTemplate`: the template to add. Exactly one of `image` and `recipe` is given.")
class CreateTemplateInput:
    """B71."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace.")
    name: str = strawberry.field(description=NAME)
    image: str | None = strawberry.field(default=None, description=f"{IMAGE} If omitted or null, `recipe` is used.")
    recipe: str | None = strawberry.field(
        default=None,
        description="The name of a recipe from which the server builds the image where sessions run: a provided one, such as `jupyter`, or "
        "one of the operator's. If omitted or null, `image` is used.",
    )
    tool: Tool | None = strawberry.field(default=None, description=f"The tool that the sessions show in the browser. {NEEDED}")
    tool_version: str | None = strawberry.field(default=None, description=f"{TOOL_VERSION} {NEEDED}")
    connect_version: str | None = strawberry.field(default=None, description=f"{CONNECT} {OF_RECIPE} `{CONNECT_VERSION}`.")
    experimental: bool = strawberry.field(default=False, description=f"{EXPERIMENTAL} The default is false.")
    icon_url: str | None = strawberry.field(default=None, description=f"{ICON} If omitted or null, that of the provided recipe, or none.")
    port: int | None = strawberry.field(default=None, description=f"{PORT} {OF_RECIPE} {DEFAULT_PORT}.")
    ready_path: str | None = strawberry.field(default=None, description=f"{READY_PATH} {OF_RECIPE} `{DEFAULT_READY_PATH}`.")
    single_user: bool | None = strawberry.field(default=None, description=f"{SINGLE_USER} {OF_RECIPE} false.")
    embeddable: bool | None = strawberry.field(default=None, description=f"{EMBEDDABLE} {OF_RECIPE} true.")
    prefix_capable: bool | None = strawberry.field(default=None, description=f"{PREFIX_CAPABLE} {OF_RECIPE} false.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> CreateTemplateRequest:
        return CreateTemplateRequest(
            workspace_id=decode(self.workspace_id, "Workspace", "workspace_id"),
            name=self.name,
            image=self.image,
            recipe=self.recipe,
            tool=present(self.tool),
            tool_version=present(self.tool_version),
            connect_version=present(self.connect_version),
            port=present(self.port),
            ready_path=present(self.ready_path),
            single_user=present(self.single_user),
            embeddable=present(self.embeddable),
            prefix_capable=present(self.prefix_capable),
            experimental=self.experimental,
            icon_url=self.icon_url,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="The input of `updateTemplate`: the new values. Fields that are omitted keep their present values.")
class UpdateTemplateInput:
    """B71."""

    template_id: strawberry.ID = strawberry.field(description="The id of the template.")
    name: strawberry.Maybe[str | None] = strawberry.field(description=f"{NAME} {KEPT}")
    image: strawberry.Maybe[str | None] = strawberry.field(description=f"{IMAGE} It takes the place of a recipe, too. {KEPT}")
    tool_version: strawberry.Maybe[str | None] = strawberry.field(description=f"{TOOL_VERSION} {KEPT}")
    connect_version: strawberry.Maybe[str | None] = strawberry.field(description=f"{CONNECT} {KEPT}")
    experimental: strawberry.Maybe[bool | None] = strawberry.field(description=f"{EXPERIMENTAL} {KEPT}")
    icon_url: strawberry.Maybe[str | None] = strawberry.field(description=f"{ICON} If omitted, it stays; null removes it.")
    port: strawberry.Maybe[int | None] = strawberry.field(description=f"{PORT} {KEPT}")
    ready_path: strawberry.Maybe[str | None] = strawberry.field(description=f"{READY_PATH} {KEPT}")
    single_user: strawberry.Maybe[bool | None] = strawberry.field(description=f"{SINGLE_USER} {KEPT}")
    embeddable: strawberry.Maybe[bool | None] = strawberry.field(description=f"{EMBEDDABLE} {KEPT}")
    prefix_capable: strawberry.Maybe[bool | None] = strawberry.field(description=f"{PREFIX_CAPABLE} {KEPT}")
    expected_revision: int | None = expected_template_revision()
    idempotency_key: str | None = idempotency_key()

    def request(self) -> UpdateTemplateRequest:
        required = ("name", "image", "tool_version", "connect_version", "experimental", "port", "ready_path")
        refuse_nulls({name: getattr(self, name) for name in (*required, "single_user", "embeddable", "prefix_capable")})
        changes = TemplateChanges(
            name=not_null(self.name),
            image=not_null(self.image),
            tool_version=not_null(self.tool_version),
            connect_version=not_null(self.connect_version),
            experimental=not_null(self.experimental),
            icon_url=nullable(self.icon_url),
            port=not_null(self.port),
            ready_path=not_null(self.ready_path),
            single_user=not_null(self.single_user),
            embeddable=not_null(self.embeddable),
            prefix_capable=not_null(self.prefix_capable),
        )
        template_id = decode(self.template_id, "Template", "template_id")
        return UpdateTemplateRequest(template_id, changes, self.expected_revision, self.idempotency_key)


@strawberry.input(description="The input of `refreshTemplates`: the workspace whose templates are refreshed.")
class RefreshTemplatesInput:
    """B72."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace.")
    add_missing: bool = strawberry.field(
        default=False,
        description="Whether the provided recipes that the workspace has no template of become templates, too. The default is false.",
    )
    idempotency_key: str | None = idempotency_key()

    def request(self) -> RefreshTemplatesRequest:
        workspace_id = decode(self.workspace_id, "Workspace", "workspace_id")
        return RefreshTemplatesRequest(workspace_id, self.add_missing, self.idempotency_key)
