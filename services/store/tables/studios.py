"""The tables of Studios, their sessions, checkpoints and labels, and the stars of users."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from services.domain.limits import MAX_LABEL_LENGTH
from services.domain.statuses import CheckpointStatus, StudioStatus
from services.store.tables import columns


class Studio(SQLModel, table=True):
    """Configuration, intent (`desired`), observation (`status`) and the controller's lease, in one row.

    `revision` counts configuration edits only; `version` counts every change that a reader can see. `due_at` is when the controller
    must next look at it; null = nothing to do. `build_id` is the build that a BUILDING Studio waits for, or waited for. `environment` is
    a list of {key, value, secret}; values of secret ones are encrypted.
    """

    __table_args__ = (
        UniqueConstraint("workspace_id", "name_key"),
        Index("ix_studio_created", "workspace_id", "created_at", "id"),
        Index("ix_studio_status", "workspace_id", "status"),
        columns.one_of("status", StudioStatus),
    )

    id: str = columns.key()
    public_id: str = Field(unique=True, max_length=32)
    workspace_id: str = columns.reference("workspace.id")
    owner_id: str = columns.reference("user.id")
    template_id: str = columns.reference("template.id")
    compute_environment_id: str | None = columns.reference("computeenvironment.id", nullable=True)
    name: str = columns.text()
    name_key: str = columns.sort_key()
    description: str | None = columns.text(nullable=True)
    revision: int = 1
    version: int = 1
    cpu: float
    memory_mib: int
    gpu: int
    lifespan_hours: int
    environment: Any = columns.json()
    conda_environment: str | None = columns.text(nullable=True)

    desired: str = Field(max_length=16)
    status: str = Field(max_length=16)
    status_message: str | None = columns.text(nullable=True)
    status_since: datetime = columns.time()
    stop_reason: str | None = Field(default=None, max_length=32)
    session_number: int = 0
    operation_id: str | None = Field(default=None, max_length=32)
    parent_checkpoint_id: str | None = Field(default=None, max_length=32, index=True)
    build_id: str | None = Field(default=None, max_length=32, index=True)

    deadline: datetime | None = columns.time(nullable=True)
    due_at: datetime | None = columns.time(nullable=True, index=True)
    lease_owner: str | None = Field(default=None, max_length=64)
    lease_until: datetime | None = columns.time(nullable=True)
    lease_epoch: int = 0

    created_at: datetime = columns.time()
    last_started_at: datetime | None = columns.time(nullable=True)


class Session(SQLModel, table=True):
    """One run of a Studio, from start to stop, with the configuration it runs with.

    `cpu`, `memory_mib` and `gpu` are what the configuration says that it holds until it ends, for sums over sessions (B5, B18).
    `upstream` is where its tool listens ({"unix": path} or {"host", "port"}, with `path_prefix` and `headers`), known once it runs.
    `exit_code` and `out_of_memory` are what was observed at its end; `saved` is set once its last checkpoint is recorded, or there is
    nothing to save. `stop_at` is the time of a stop that `stop_actor` requested with a grace; `warned_at` is when its end was announced.
    `checkpoint_id` is its own checkpoint; `requested_checkpoint_id` a further one that a user asked for (`checkpointNow`) and that is still
    to be saved, by the operation `requested_operation_id`. `chosen_base`: a user chose the checkpoint that it begins from.
    """

    __table_args__ = (
        UniqueConstraint("studio_id", "number"),
        columns.partial_index("ix_session_open", "compute_environment_id", "studio_id", where="ended_at IS NULL"),
        columns.partial_index("ix_session_unsaved", "studio_id", "number", where="saved IS false", sqlite_where="saved IS 0"),
    )

    id: str = columns.key()
    studio_id: str = columns.reference("studio.id")
    number: int
    compute_environment_id: str = columns.reference("computeenvironment.id")
    template_id: str = columns.reference("template.id")
    started_by: str = columns.reference("user.id")
    configuration: Any = columns.json()
    cpu: float = 0
    memory_mib: int = 0
    gpu: int = 0
    checkpoint_id: str = Field(max_length=32)
    base_checkpoint_id: str | None = Field(default=None, max_length=32)
    chosen_base: bool = False
    requested_checkpoint_id: str | None = Field(default=None, max_length=32)
    requested_operation_id: str | None = Field(default=None, max_length=32)
    upstream: Any = columns.json(nullable=True)
    stop_reason: str | None = Field(default=None, max_length=32)
    exit_code: int | None = None
    out_of_memory: bool = False
    saved: bool = False
    created_at: datetime = columns.time()
    running_at: datetime | None = columns.time(nullable=True)
    expires_at: datetime | None = columns.time(nullable=True)
    idle_stops_at: datetime | None = columns.time(nullable=True)
    next_save_at: datetime | None = columns.time(nullable=True)
    last_active_at: datetime | None = columns.time(nullable=True)
    stop_at: datetime | None = columns.time(nullable=True)
    stop_actor: Any = columns.json(nullable=True)
    warned_at: datetime | None = columns.time(nullable=True)
    ended_at: datetime | None = columns.time(nullable=True)
    version: int = 1


class Checkpoint(SQLModel, table=True):
    """One saved file system of a session. The row stays for lineage when the data is deleted (`deleted_at`).

    `number` counts the checkpoints of the Studio in the order of their creation, `save_order` in that of their newest saves (0: none yet).
    `named`: a user gave it its name, so that it is kept whatever its age. `template_id` is the template that its session ran.
    `reference` names the archive or image within its compute environment; `studio_id` has no foreign key, so that rows survive the Studio.
    `valid_status` is the status that an INVALID checkpoint has again once its data is back.
    """

    __table_args__ = (
        UniqueConstraint("studio_id", "name_key"),
        Index("ix_checkpoint_saved", "studio_id", "number"),
        Index("ix_checkpoint_save_order", "studio_id", "save_order"),
        Index("ix_checkpoint_invalid", "id", postgresql_where=text("status = 'INVALID'"), sqlite_where=text("status = 'INVALID'")),
        columns.partial_index("ix_checkpoint_layers", "layers", where="layers > 20"),
        columns.one_of("status", CheckpointStatus),
    )

    id: str = columns.key()
    studio_id: str = Field(max_length=32, index=True)
    workspace_id: str = columns.reference("workspace.id")
    number: int
    save_order: int = 0
    session_number: int
    compute_environment_id: str | None = Field(default=None, max_length=32)
    name: str = columns.text()
    name_key: str = columns.sort_key()
    named: bool = False
    status: str = Field(max_length=16)
    valid_status: str | None = Field(default=None, max_length=16)
    author_id: str = columns.reference("user.id")
    parent_id: str | None = Field(default=None, max_length=32, index=True)
    template_id: str | None = Field(default=None, max_length=32, index=True)
    reference: str | None = columns.text(nullable=True)
    digest: str | None = columns.text(nullable=True)
    size: int | None = columns.big(nullable=True)
    layers: int = 0
    pause_seconds: float | None = None
    created_at: datetime = columns.time()
    saved_at: datetime | None = columns.time(nullable=True)
    deleted_at: datetime | None = columns.time(nullable=True)
    version: int = 1


class InheritedCheckpoint(SQLModel, table=True):
    """A checkpoint in the history of a Studio that was made from a checkpoint of another one (B41).

    `depth` 0 is the checkpoint that it was made from, 1 the parent of that one, and so on.
    """

    studio_id: str = Field(primary_key=True, foreign_key="studio.id", max_length=32)
    depth: int = Field(primary_key=True)
    checkpoint_id: str = columns.reference("checkpoint.id")


class StudioLabel(SQLModel, table=True):
    """A label of a Studio: one value for each key (B86)."""

    __table_args__ = (Index("ix_studiolabel_pair", "key", "value", "studio_id"),)

    studio_id: str = Field(primary_key=True, foreign_key="studio.id", max_length=32)
    key: str = Field(primary_key=True, max_length=MAX_LABEL_LENGTH)
    value: str = Field(max_length=MAX_LABEL_LENGTH)


class Star(SQLModel, table=True):
    """A user's mark on a Studio."""

    user_id: str = Field(primary_key=True, foreign_key="user.id", max_length=32)
    studio_id: str = Field(primary_key=True, foreign_key="studio.id", max_length=32, index=True)
    created_at: datetime = columns.time()
