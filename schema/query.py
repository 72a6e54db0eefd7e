"""The root type Query. Each field declares what it requires; what the viewer may not see is null, like what does not exist (B92)."""

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated

import strawberry

from resolvers import migration_plans
from resolvers.batches import Load
from resolvers.clone_previews import preview_clone
from resolvers.loaders import (
    checkpoints,
    compute_environments,
    operations,
    organizations,
    sessions,
    studios,
    templates,
    users,
    workspaces,
)
from schema.authorized import AuthorizedViewer, field
from schema.field_metadata import AUTHENTICATED, Mark
from schema.ids import BadId, GlobalId, argument_id, parse
from schema.inputs.clones import CloneStudioInput
from schema.inputs.field_paths import input_path, path_below_from
from schema.inputs.migrations import ACCEPT_EXPERIMENTAL, CHECKPOINT, TEMPLATE, migration_request
from schema.root_value import RootValue
from schema.types.clone_preview import ClonePreview
from schema.types.migration import MigrationPlan
from schema.types.node import Node
from schema.types.operation import Operation
from schema.types.people import User
from schema.types.server import ServerInfo, ServerInfoRow
from schema.types.studio import Studio
from schema.types.workspace import Organization, Workspace
from services.domain.access import Permission
from services.domain.compute_kinds import KINDS
from services.domain.errors import BadArgument
from services.domain.limits import MAX_NAME_LENGTH
from services.domain.names import name_key
from services.domain.problems import Problems
from services.studios.clone import LOCKED_FIELDS

READ = Permission.WORKSPACE_READ
MAX_NODES = 100

NODES: Mapping[str, Load] = MappingProxyType(
    {
        "User": users.visible,
        "Organization": organizations.by_id,
        "Workspace": workspaces.by_id,
        "Studio": studios.by_id,
        "Session": sessions.by_id,
        "Checkpoint": checkpoints.by_id,
        "Template": templates.by_id,
        "ComputeEnvironment": compute_environments.by_id,
        "Operation": operations.by_id,
    }
)
"""How each type is found by its id."""


@strawberry.input(one_of=True, description="Identifies an organization. Exactly one field must be given.")
class OrganizationBy:
    """One of the two."""

    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The id of the organization. Omitted if `slug` is given."
    )
    slug: str | None = strawberry.field(
        default=strawberry.UNSET, description="The slug of the organization, its short name in URLs. Omitted if `id` is given."
    )


@strawberry.input(one_of=True, description="Identifies a workspace. Exactly one field must be given.")
class WorkspaceBy:
    """One of the two."""

    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The id of the workspace. Omitted if `slug` is given."
    )
    slug: str | None = strawberry.field(
        default=strawberry.UNSET, description="The slug of the workspace, its short name in URLs. Omitted if `id` is given."
    )


NodeId = Annotated[strawberry.ID, strawberry.argument(description="The id of an object of any type that implements `Node`.")]
NodeIds = Annotated[
    list[strawberry.ID], strawberry.argument(description=f"The ids of at most {MAX_NODES} objects of any type that implements `Node`.")
]
WhichOrganization = Annotated[OrganizationBy, strawberry.argument(description="The id or the slug of the organization.")]
WhichWorkspace = Annotated[WorkspaceBy, strawberry.argument(description="The id or the slug of the workspace.")]
StudioId = Annotated[strawberry.ID, strawberry.argument(description="The id of the Studio.")]
WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The id of the workspace.")]
CloneInput = Annotated[CloneStudioInput, strawberry.argument(name="input", description="The input that `cloneStudio` would get.")]
SourceId = Annotated[strawberry.ID | None, strawberry.argument(description=CHECKPOINT)]
TargetId = Annotated[strawberry.ID | None, strawberry.argument(description=TEMPLATE)]
AcceptExperimental = Annotated[bool, strawberry.argument(description=ACCEPT_EXPERIMENTAL)]
OperationId = Annotated[strawberry.ID, strawberry.argument(description="The id of the operation.")]
StudioName = Annotated[
    str, strawberry.argument(description=f"The name to check: 1 to {MAX_NAME_LENGTH} characters. Upper and lower case count as equal.")
]


@strawberry.type(description="The operations that read data.")
class Query:
    """The roots of all reading."""

    @field("The user to whom the access token of the request belongs.", AUTHENTICATED, marks=(Mark.VIEWER,))
    def viewer(self, viewer: AuthorizedViewer) -> User:
        return viewer.load(users.by_id, viewer.user_id)

    @field("The object with this id. Null if it does not exist or the viewer has no access to it.", READ)
    def node(self, viewer: AuthorizedViewer, id: NodeId) -> Node | None:  # noqa: A002 - the contract's word
        return viewer.load(*_node(id, "id"))

    @field(
        "The objects with these ids, in the same order. An item is null if the object does not exist or the viewer has no access to it.",
        READ,
    )
    def nodes(self, viewer: AuthorizedViewer, ids: NodeIds) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise BadArgument("ids", "OUT_OF_RANGE", f"`ids` takes at most {MAX_NODES} ids. Send several requests.")
        return [viewer.load(*_node(text, "ids")) for text in ids]

    @field("The organization with this id or slug. Null if it does not exist or the viewer has no access to it.", READ)
    def organization(self, viewer: AuthorizedViewer, by: WhichOrganization) -> Organization | None:
        if by.slug:
            return viewer.load(organizations.by_slug, by.slug)
        return viewer.load(organizations.by_id, argument_id(by.id, "Organization", "by"))

    @field("The workspace with this id or slug. Null if it does not exist or the viewer has no access to it.", READ)
    def workspace(self, viewer: AuthorizedViewer, by: WhichWorkspace) -> Workspace | None:
        if by.slug:
            return viewer.load(workspaces.by_slug, by.slug)
        return viewer.load(workspaces.by_id, argument_id(by.id, "Workspace", "by"))

    @field("The Studio with this id. Null if it does not exist or the viewer has no access to it.", READ)
    def studio(self, viewer: AuthorizedViewer, id: StudioId) -> Studio | None:  # noqa: A002 - the contract's word
        return viewer.load(studios.by_id, argument_id(id, "Studio", "id"))

    @field("What `cloneStudio` would do with this input, without doing it.", Permission.STUDIO_CLONE)
    async def preview_clone(self, viewer: AuthorizedViewer, values: CloneInput) -> ClonePreview:
        locked = [name for (name,) in map(input_path, zip(LOCKED_FIELDS, strict=True))]
        preview = preview_clone(viewer.context, values.request, locked, path_below_from)
        return await preview  # type: ignore[return-value]  # the type is shown from the row

    @field(
        "What `migrateStudio` would do with these values, without doing it. Null if the Studio does not exist or the viewer has no access "
        "to it.",
        READ,
    )
    async def migration_plan(
        self,
        viewer: AuthorizedViewer,
        studio_id: StudioId,
        checkpoint_id: SourceId = None,
        template_id: TargetId = None,
        accept_experimental: AcceptExperimental = False,
    ) -> MigrationPlan | None:
        argument_id(studio_id, "Studio", "studioId")
        request = partial(migration_request, studio_id, checkpoint_id, template_id, accept_experimental=accept_experimental)
        plan = migration_plans.migration_plan(viewer.context, request, input_path)
        return await plan  # type: ignore[return-value]  # the type is shown from the row

    @field(
        "Whether no Studio of the workspace has this name yet. Null if the workspace does not exist or the viewer has no access to it.",
        READ,
    )
    def studio_name_available(self, viewer: AuthorizedViewer, workspace_id: WorkspaceId, name: StudioName) -> bool | None:
        problems = Problems()
        problems.check_name(name)
        for problem in problems.items:
            raise BadArgument("name", problem.code, problem.message)
        return viewer.load(workspaces.name_available, (argument_id(workspace_id, "Workspace", "workspaceId"), name_key(name)))

    @field("The operation with this id. Null if it does not exist or the viewer has no access to it.", READ)
    def operation(self, viewer: AuthorizedViewer, id: OperationId) -> Operation | None:  # noqa: A002 - the contract's word
        return viewer.load(operations.by_id, argument_id(id, "Operation", "id"))

    @field("The version, limits and features of the server.", AUTHENTICATED)
    async def server_info(self, viewer: AuthorizedViewer, root: strawberry.Parent[RootValue]) -> ServerInfo:
        kinds = await viewer.load(compute_environments.kinds, None)
        warnings = [warning for kind in kinds if (warning := KINDS[kind].warning)]
        address = viewer.context.services.addresses.dial_address
        return ServerInfoRow(version("studiograph"), root.limits, kinds, address, warnings)  # type: ignore[return-value]  # the type is shown from the row


def _node(text: str, argument: str) -> tuple[Load, str]:
    node_id = _parsed(argument, text)
    load = NODES.get(node_id.type_name)
    if load is None:
        raise BadArgument(argument, "BAD_ID", "This is not an id of this server. Use an id that the server returned.")
    return load, node_id.row_id


def _parsed(argument: str, text: str) -> GlobalId:
    try:
        return parse(text)
    except BadId as error:
        raise BadArgument(argument, error.code, error.message) from error
