"""Organizations and workspaces."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers.loads import compute_environments as environment_loads
from resolvers.loads import events as event_loads
from resolvers.loads import members as member_loads
from resolvers.loads import organizations
from resolvers.loads import studios as studio_loads
from resolvers.loads import templates as template_loads
from resolvers.loads import workspaces as workspace_loads
from resolvers.loads.studios import ListArguments
from resolvers.pagination import DEFAULT_FIRST, page_arguments
from schema.authorized import AuthorizedViewer, field
from schema.enums import OrderDirection, Role
from schema.field_policies import Mark
from schema.fields import After, First, attribute, batched, exactly, node_id, paged
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


@strawberry.type(description="What a workspace sets for its Studios; null leaves the default.")
class WorkspaceSettings:
    """B93."""

    lifespan_hours: int | None = attribute("The lifespan of every session, in hours; 0 = unlimited. If set, Studios cannot change it.")
    idle_minutes: int | None = attribute("After how many minutes without use a session is stopped; 0 = never.")
    checkpoint_interval_seconds: int | None = attribute("How often running sessions are saved, in seconds.")

    is_type_of = exactly(SettingsRow)


@strawberry.type(description="A group of workspaces.")
class Organization(Node):
    """Seen by the members of its workspaces."""

    id: strawberry.ID = node_id("Organization")
    slug: str = attribute("Its short name, unique.")
    name: str = attribute("Its name.")
    created_at: datetime = attribute("When it was created.")
    workspaces: list[Annotated["Workspace", strawberry.lazy("schema.types.workspace")]] = batched(
        workspace_loads.of_organizations, "Those that the viewer is a member of, by name.", of="id", marks=(Mark.VIEWER,)
    )

    is_type_of = exactly(OrganizationRow)


@strawberry.type(description="Where Studios, members and compute environments belong.")
class Workspace(Node):
    """Seen by its members (B92)."""

    id: strawberry.ID = node_id("Workspace")
    slug: str = attribute("Its short name, unique.")
    name: str = attribute("Its name, unique in the organization.")
    organization: Organization = batched(organizations.by_id, "The group it belongs to.", of="organization_id")
    viewer_role: Role = attribute("What the viewer may do here.", marks=(Mark.VIEWER,))
    event_cursor: Cursor = attribute(
        "The newest event at a moment before everything else below was read: subscribe `after` it, and nothing is missed in between.",
        marks=(Mark.NOW,),
    )
    created_at: datetime = attribute("When it was created.")
    settings: WorkspaceSettings = attribute("What it sets for its Studios.")
    compute_environments: list[ComputeEnvironment] = batched(environment_loads.of_workspaces, "Where its sessions run, by name.", of="id")
    members: MemberConnection | None = paged(member_loads.pages, "Who belongs to it, by user name.")

    @field("Its Studios.", READ)
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

    @field("How many of its Studios have each status.", READ)
    def studio_counts(self, viewer: AuthorizedViewer, filter: Filter = UNSET) -> list[StatusCount] | None:  # noqa: A002 - the contract's word
        return viewer.load(studio_loads.counts, self.id, selection_of(filter))

    @field("The tools its Studios can run, by name.", READ)
    def templates(self, viewer: AuthorizedViewer, include_unsupported: Unsupported = False) -> list[Template]:
        return viewer.load(template_loads.of_workspaces, self.id, include_unsupported)

    @field("What happened in it.", READ)
    def events(
        self, viewer: AuthorizedViewer, first: First = DEFAULT_FIRST, after: After = UNSET, direction: Direction = OrderDirection.DESC
    ) -> EventConnection | None:
        return viewer.load(event_loads.of_workspaces, self, event_arguments(first, after, direction))

    is_type_of = exactly(WorkspaceRow)
