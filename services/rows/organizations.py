"""The row classes of organizations, workspaces, members, templates and compute environments."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import Role
from services.domain.events import Cursor
from services.domain.statuses import ComputeKind, StudioStatus, Tool


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """An organization of which the viewer sees a workspace."""

    id: str
    slug: str
    name: str
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class SettingsRow:
    """The settings of a workspace for its Studios. None is the default."""

    lifespan_hours: int | None
    idle_minutes: int | None
    checkpoint_interval_seconds: int | None
    kept_checkpoints: int | None
    studios_enabled: bool
    max_sessions: int | None
    max_cpu: float | None
    max_memory_mib: int | None
    max_gpu: int | None


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace the viewer is a member of. `event_cursor` is not newer than anything read through this row."""

    id: str
    organization_id: str
    slug: str
    name: str
    created_at: datetime
    version: int
    settings: SettingsRow
    viewer_role: Role
    event_cursor: Cursor


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member of a workspace: a user with a role."""

    workspace_id: str
    user_id: str
    user_name: str
    role: Role
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class StatusCountRow:
    """The number of Studios that have a status."""

    status: StudioStatus
    count: int


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template: an image of one tool. `recipe` is what the image is built from; None if it is pulled."""

    id: str
    workspace_id: str
    name: str
    tool: Tool
    image: str
    tool_version: str
    connect_version: str
    experimental: bool
    recipe: str | None
    icon_url: str | None
    port: int
    single_user: bool
    embeddable: bool
    prefix_capable: bool
    created_at: datetime
    revision: int
    version: int


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """What of a template decides the statuses of the templates of its workspace; without what may be long, such as icons."""

    id: str
    workspace_id: str
    tool: str
    tool_version: str
    connect_version: str
    experimental: bool


@dataclass(frozen=True, slots=True)
class CapacityRow:
    """An amount of resources: cores, MiB, devices."""

    cpu: float
    memory_mib: int
    gpu: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The resources of a compute environment that sessions hold (B5): cores, MiB, devices."""

    sessions: int
    cpu: float
    memory_mib: int
    gpu: int


@dataclass(frozen=True, slots=True)
class ComputeEnvironmentRow:
    """A compute environment, as it was when it was last checked."""

    id: str
    workspace_id: str
    name: str
    kind: ComputeKind
    enabled: bool
    reachable: bool
    message: str | None
    capacity: CapacityRow
    created_at: datetime
    version: int
