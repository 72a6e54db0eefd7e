"""A Studio as a viewer sees it, and what belongs to it."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import Role
from services.domain.events import Cursor
from services.domain.lifecycle import Action
from services.domain.statuses import CheckpointStatus, StopReason, StudioStatus


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """What a Studio's sessions get (cpu in cores, memory in MiB; 0 = the compute environment's default). Long parts are read on demand."""

    studio_id: str
    cpu: float
    memory_mib: int
    gpu: int
    lifespan_hours: int


@dataclass(frozen=True, slots=True)
class VariableRow:
    """An environment variable. The value of a secret one is never read out (B16)."""

    key: str
    value: str | None
    secret: bool


@dataclass(frozen=True, slots=True)
class StudioRow:
    """A Studio without its long texts.

    `viewer_role` and `is_starred` belong to who asked; `event_cursor` is of the same moment as the row.
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
    event_cursor: Cursor
    configuration: ConfigurationRow


@dataclass(frozen=True, slots=True)
class StudioDetails:
    """The long parts of a Studio: read only where they are asked for."""

    description: str | None
    conda_environment: str | None
    environment: list[VariableRow]


@dataclass(frozen=True, slots=True)
class ConnectedUserRow:
    """Somebody with a tab of the running session open; `tabs` counts them all."""

    user_id: str
    connected_at: datetime
    last_active_at: datetime
    tabs: int


@dataclass(frozen=True, slots=True)
class SessionConfigurationRow:
    """What one run was given."""

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
    """The saved file system of one session; `size` in bytes."""

    id: str
    studio_id: str
    workspace_id: str
    number: int
    session_number: int
    name: str
    status: CheckpointStatus
    author_id: str
    parent_id: str | None
    size: int | None
    created_at: datetime
    saved_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class AvailableActionRow:
    """Whether the viewer may do this now; `reason` says why not, `until` how long (UTC) if waiting helps and that is known."""

    action: Action
    allowed: bool
    reason: str | None
    until: datetime | None = None
