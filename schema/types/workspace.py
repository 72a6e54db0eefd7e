"""Organizations and workspaces."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import workspaces as rules
from resolvers.loaders import compute_environments as environment_loads
from resolvers.loaders import events as event_loads
from resolvers.loaders import members as member_loads
from resolvers.loaders import organizations
from resolvers.loaders import studios as studio_loads
from resolvers.loaders import templates as template_loads
from resolvers.loaders import workspaces as workspace_loads
from resolvers.loaders.studios import ListArguments
from resolvers.pagination import DEFAULT_FIRST, page_arguments
from schema.authorized import AuthorizedViewer, field
from schema.enums import OrderDirection, Role
from schema.field_policies import Mark
from schema.fields import After, First, attribute, batched, computed, exactly, node_id, paged
from schema.scalars import Cursor
from schema.types.compute import ComputeEnvironment, Template
from schema.types.event_list import Direction, EventConnection, event_arguments
from schema.types.node import Node
from schema.types.people import MemberConnection
from schema.types.studio_list import Filter, Order, StatusCount, StudioConnection, order_of, selection_of
from services.domain.access import Permission
from services.rows.organizations import OrganizationRow, SettingsRow, WorkspaceRow

READ = Permission.WORKSPACE_READ
Unsupported = Annotated[
    bool, strawberry.argument(description="Whether templates with the status UNSUPPORTED are included. The default is false.")
]


@strawberry.type(description="The settings of a workspace for its Studios.")
class WorkspaceSettings:
    """B93."""

    lifespan_hours: int | None = attribute(
        "The lifespan in hours of new Studios that are created without one. 0 means no limit. Null means the default of the server."
    )
    idle_minutes: int | None = attribute("The minutes without use after which a session is stopped. 0 or null means never.")
    checkpoint_interval_seconds: int | None = attribute(
        "The seconds between two saves of a running session. 0 means no periodic saves. Null means the default of the server."
    )

    is_type_of = exactly(SettingsRow)


@strawberry.type(description="An organization: a group of workspaces.")
class Organization(Node):
    """Seen by the members of its workspaces."""

    id: strawberry.ID = node_id("Organization")
    slug: str = attribute("The short name in URLs and commands, unique on the server.")
    name: str = attribute("The name of the organization.")
    created_at: datetime = attribute("The time at which it was created.")
    workspaces: list[Annotated["Workspace", strawberry.lazy("schema.types.workspace")]] = batched(
        workspace_loads.of_organizations, "The workspaces of which the viewer is a member, sorted by name.", of="id", marks=(Mark.VIEWER,)
    )

    is_type_of = exactly(OrganizationRow)


@strawberry.type(description="A workspace: the place of Studios, members, templates and compute environments.")
class Workspace(Node):
    """Seen by its members (B92)."""

    id: strawberry.ID = node_id("Workspace")
    slug: str = attribute("The short name in URLs and commands, unique on the server.")
    name: str = attribute("The name of the workspace, unique in its organization.")
    organization: Organization = batched(organizations.by_id, "The organization of the workspace.", of="organization_id")
    viewer_role: Role = attribute("The role of the viewer in the workspace.", marks=(Mark.VIEWER,))
    viewer_can_create_studios: bool = computed(
        rules.can_create_studios,
        "True if the viewer may create Studios in the workspace, by their role and by their access token.",
        marks=(Mark.VIEWER,),
    )
    event_cursor: Cursor = attribute(
        "The position in the event log before the data below was read. Subscribe with it as `after`, so that no event is missed.",
        marks=(Mark.NOW,),
    )
    created_at: datetime = attribute("The time at which it was created.")
    settings: WorkspaceSettings = attribute("The settings of the workspace for its Studios.")
    compute_environments: list[ComputeEnvironment] = batched(
        environment_loads.of_workspaces, "The compute environments of the workspace, sorted by name.", of="id"
    )
    members: MemberConnection | None = paged(
        member_loads.pages, "The members of the workspace, sorted by user name. Null if an argument is invalid; the error says which."
    )

    @field("The Studios of the workspace. Null if an argument is invalid; the error says which.", READ)
    def studios(
        self,
        viewer: AuthorizedViewer,
        filter: Filter = UNSET,  # noqa: A002 - the contract's word
        order_by: Order = UNSET,
        first: First = DEFAULT_FIRST,
        after: After = UNSET,
    ) -> StudioConnection | None:
        arguments = ListArguments(page_arguments(first, after), selection_of(filter), order_of(order_by))
        return viewer.load(studio_loads.pages, self.id, arguments)

    @field("The number of Studios in each status. Null if an argument is invalid; the error says which.", READ)
    def studio_counts(self, viewer: AuthorizedViewer, filter: Filter = UNSET) -> list[StatusCount] | None:  # noqa: A002 - the contract's word
        return viewer.load(studio_loads.counts, self.id, selection_of(filter))

    @field("The templates of the workspace, sorted by name.", READ)
    def templates(self, viewer: AuthorizedViewer, include_unsupported: Unsupported = False) -> list[Template]:
        return viewer.load(template_loads.of_workspaces, self.id, include_unsupported)

    @field("The stored events of the workspace. Null if an argument is invalid; the error says which.", READ)
    def events(
        self, viewer: AuthorizedViewer, first: First = DEFAULT_FIRST, after: After = UNSET, direction: Direction = OrderDirection.DESC
    ) -> EventConnection | None:
        return viewer.load(event_loads.of_workspaces, self, event_arguments(first, after, direction))

    is_type_of = exactly(WorkspaceRow)
