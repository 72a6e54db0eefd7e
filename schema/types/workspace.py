"""The GraphQL types of organizations and workspaces."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import workspaces as rules
from resolvers.loaders import compute_environments as environment_loaders
from resolvers.loaders import events as event_loaders
from resolvers.loaders import members as member_loaders
from resolvers.loaders import organizations
from resolvers.loaders import quotas as quota_loaders
from resolvers.loaders import studios as studio_loaders
from resolvers.loaders import templates as template_loaders
from resolvers.loaders import workspaces as workspace_loaders
from schema.enums import Role
from schema.field_metadata import Mark
from schema.fields import attribute, batched, computed, exactly, node_id, paged
from schema.scalars import Cursor
from schema.types.compute import ComputeEnvironment, Template
from schema.types.event_list import EventConnection, event_arguments
from schema.types.node import Node
from schema.types.people import MemberConnection
from schema.types.quota import Quota
from schema.types.studio_list import StatusCount, StudioConnection, count_arguments, list_arguments
from services.rows.organizations import OrganizationRow, SettingsRow, WorkspaceRow

Unsupported = Annotated[
    bool, strawberry.argument(description="Whether templates with the status UNSUPPORTED are included. The default is false.")
]


def template_arguments(include_unsupported: Unsupported = False) -> bool:
    """Returns the argument of `Workspace.templates` as its loader takes it."""
    return include_unsupported


@strawberry.type(description="The settings of a workspace for its Studios.")
class WorkspaceSettings:
    """B93."""

    lifespan_hours: int | None = attribute(
        "The lifespan in hours of all sessions that start from now on; no Studio can set another. 0 means no limit. Null means that each "
        "Studio has a lifespan of its own."
    )
    idle_minutes: int | None = attribute("The minutes without use after which a session is stopped. 0 or null means never.")
    checkpoint_interval_seconds: int | None = attribute(
        "The seconds between two saves of a running session. 0 means no periodic saves. Null means the default of the server."
    )
    kept_checkpoints: int | None = attribute(
        "The number of newest checkpoints that each Studio keeps; older ones are deleted after a save, except those that a user named or "
        "that something needs. 0 or null means that all are kept."
    )
    studios_enabled: bool = attribute("Whether Studios can be added and started. If false, those that run go on until they stop.")
    max_sessions: int | None = attribute("The maximum number of sessions at a time. Null means no limit.")
    max_cpu: float | None = attribute("The maximum of CPU cores that sessions hold at a time. Null means no limit.")
    max_memory_mib: int | None = attribute(
        "The maximum of memory in MiB that sessions hold at a time. Null means no limit.", name="maxMemoryMiB"
    )
    max_gpu: int | None = attribute("The maximum of GPUs that sessions hold at a time. Null means no limit.")

    is_type_of = exactly(SettingsRow)


@strawberry.type(description="An organization: a group of workspaces.")
class Organization(Node):
    """Seen by the members of its workspaces."""

    id: strawberry.ID = node_id("Organization")
    slug: str = attribute("The short name of the organization in URLs and commands, unique on the server.")
    name: str = attribute("The name of the organization.")
    created_at: datetime = attribute("The time at which the organization was created.")
    workspaces: list[Annotated["Workspace", strawberry.lazy("schema.types.workspace")]] = batched(
        workspace_loaders.of_organizations, "The workspaces of which the viewer is a member, sorted by name.", of="id", marks=(Mark.VIEWER,)
    )

    is_type_of = exactly(OrganizationRow)


@strawberry.type(description="A workspace: the place of Studios, members, templates and compute environments.")
class Workspace(Node):
    """Seen by its members (B92)."""

    id: strawberry.ID = node_id("Workspace")
    slug: str = attribute("The short name of the workspace in URLs and commands, unique on the server.")
    name: str = attribute("The name of the workspace, unique in its organization.")
    organization: Organization = batched(organizations.by_id, "The organization of the workspace.", of="organization_id")
    viewer_role: Role = attribute("The role of the viewer in the workspace.", marks=(Mark.VIEWER,))
    viewer_can_create_studios: bool = computed(
        rules.can_create_studios,
        "True if the viewer may create Studios in the workspace, by their role and by their access token.",
        marks=(Mark.VIEWER,),
    )
    event_cursor: Cursor = attribute(
        "The position in the event log before the rest of the response was read. Subscribe with it as `after`, so that no event is missed.",
        marks=(Mark.NOW,),
    )
    created_at: datetime = attribute("The time at which the workspace was created.")
    settings: WorkspaceSettings = attribute("The settings of the workspace for its Studios.")
    compute_environments: list[ComputeEnvironment] = batched(
        environment_loaders.of_workspaces, "The compute environments of the workspace, sorted by name.", of="id"
    )
    quotas: list[Quota] = batched(
        quota_loaders.of_workspaces,
        "All limits on what sessions of the workspace can hold at a time: those of the workspace, of its organization and of its compute "
        "environments. A start must have room within each that concerns it. Empty if there is no limit.",
        of="id",
    )
    members: MemberConnection | None = paged(
        member_loaders.pages, "The members of the workspace, sorted by user name. Null if an argument is invalid; the error says which."
    )

    studios: StudioConnection | None = paged(
        studio_loaders.pages,
        "The Studios of the workspace. Null if an argument is invalid; the error says which.",
        arguments=list_arguments,
    )
    studio_counts: list[StatusCount] | None = batched(
        studio_loaders.status_counts,
        "The number of Studios in each status. Null if an argument is invalid; the error says which.",
        of="id",
        arguments=count_arguments,
    )
    templates: list[Template] = batched(
        template_loaders.of_workspaces,
        "The templates of the workspace: the RECOMMENDED ones first, then by tool, the newest release first.",
        of="id",
        arguments=template_arguments,
    )
    events: EventConnection | None = paged(
        event_loaders.of_workspaces,
        "The stored events of the workspace. Null if an argument is invalid; the error says which.",
        of=None,
        arguments=event_arguments,
    )

    is_type_of = exactly(WorkspaceRow)
