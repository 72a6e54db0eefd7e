"""The table of image builds."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from services.domain.statuses import BuildState
from services.store.tables import columns


class Build(SQLModel, table=True):
    """One attempt to build the image `reference` in a compute environment; what it prints is the output of the same id.

    `recipe` is {"directory": the name of a recipe}, and for Conda packages on its image also {"conda": {"base": that image, "channels",
    "packages", "pip", "kernel"}}. `actor` requested the build. `due_at` is when a builder
    must look at it; null = nothing to do. Studios in BUILDING name it in `build_id`.
    """

    __table_args__ = (
        Index("ix_build_reference", "compute_environment_id", "reference", "created_at"),
        columns.one_of("state", BuildState),
    )

    id: str = columns.key()
    workspace_id: str = columns.reference("workspace.id")
    compute_environment_id: str = columns.reference("computeenvironment.id", index=False)
    reference: str = columns.text()
    recipe: Any = columns.json()
    state: str = Field(max_length=16)
    message: str | None = columns.text(nullable=True)
    actor: Any = columns.json()
    deadline: datetime = columns.time()
    due_at: datetime | None = columns.time(nullable=True, index=True)
    lease_owner: str | None = Field(default=None, max_length=64)
    lease_until: datetime | None = columns.time(nullable=True)
    lease_epoch: int = 0
    created_at: datetime = columns.time()
    started_at: datetime | None = columns.time(nullable=True)
    ended_at: datetime | None = columns.time(nullable=True)
