"""The row classes of Studios, as a viewer sees them, and of their sessions and checkpoints."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import Role
from services.domain.events import Cursor
from services.domain.lifecycle import Action
from services.domain.statuses import CheckpointStatus, CheckpointUseKind, StopReason, StudioStatus


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """The configuration of a Studio's sessions: cpu in cores, memory in MiB; 0 is the compute environment's default."""

    studio_id: str
    cpu: float
    memory_mib: int
    gpu: int
    lifespan_hours: int


@dataclass(frozen=True, slots=True)
class VariableRow:
    """An environment variable. The value of a secret one is None (B16)."""

    key: str
    value: str | None
    secret: bool


@dataclass(frozen=True, slots=True)
class StudioRow:
    """A Studio without its long texts.

    `viewer_role` and `is_starred` are those of the viewer; `studios_enabled` is the setting of the workspace; `event_cursor` is of the same
    moment as the row.
    """

    id: str
    public_id: str
    workspace_id: str
    owner_id: str
    template_id: str
    compute_environment_id: str | None
    name: str
    revision: int
    version: int
    status: StudioStatus
    status_message: str | None
    status_since: datetime
    stop_reason: StopReason | None
    session_number: int
    operation_id: str | None
    parent_checkpoint_id: str | None
    created_at: datetime
    last_started_at: datetime | None
    expires_at: datetime | None
    idle_stops_at: datetime | None
    is_starred: bool
    viewer_role: Role
    studios_enabled: bool
    event_cursor: Cursor
    configuration: ConfigurationRow


@dataclass(frozen=True, slots=True)
class StudioDetails:
    """The long texts of a Studio, which are read on demand."""

    description: str | None
    conda_environment: str | None
    environment: list[VariableRow]


@dataclass(frozen=True, slots=True)
class ConnectedUserRow:
    """A user with open tabs of the running session; `tabs` is their number."""

    user_id: str
    connected_at: datetime
    last_active_at: datetime
    tabs: int


@dataclass(frozen=True, slots=True)
class SessionConfigurationRow:
    """The configuration of one session: cpu in cores, memory in MiB."""

    cpu: float
    memory_mib: int
    gpu: int
    lifespan_hours: int
    environment: list[VariableRow]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One run of a Studio."""

    id: str
    studio_id: str
    number: int
    compute_environment_id: str
    template_id: str
    started_by_id: str
    checkpoint_id: str
    stop_reason: StopReason | None
    exit_code: int | None
    out_of_memory: bool
    created_at: datetime
    running_at: datetime | None
    expires_at: datetime | None
    idle_stops_at: datetime | None
    last_active_at: datetime | None
    ended_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One saved file system of a session; `size` in bytes.

    `position` is its place in the list of a Studio, where a greater one comes first; `is_inherited`: it is another Studio's (B41).
    """

    id: str
    studio_id: str
    workspace_id: str
    number: int
    session_number: int
    name: str
    status: CheckpointStatus
    author_id: str
    parent_id: str | None
    template_id: str | None
    size: int | None
    pause_seconds: float | None
    created_at: datetime
    saved_at: datetime | None
    deleted_at: datetime | None
    position: int
    is_inherited: bool
    version: int


@dataclass(frozen=True, slots=True)
class LineageRow:
    """The Studio whose lineage is asked for."""

    studio_id: str


@dataclass(frozen=True, slots=True)
class DerivedStudioRow:
    """A Studio that was made from a checkpoint of another one, or from a Studio that was; `checkpoint_id` is the nearest one."""

    studio_id: str
    checkpoint_id: str


@dataclass(frozen=True, slots=True)
class CheckpointUseRow:
    """One use of a checkpoint, which cannot be deleted meanwhile."""

    checkpoint_id: str
    kind: CheckpointUseKind
    studio_id: str
    studio_name: str


@dataclass(frozen=True, slots=True)
class AvailableActionRow:
    """Whether the viewer may do an action now. If not, `reason` says why; `until` (UTC) is when it may be allowed, if that is known."""

    action: Action
    allowed: bool
    reason: str | None
    until: datetime | None = None
