"""The table of attempts to migrate Studios to newer templates."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from services.domain.statuses import MigrationState
from services.store.tables import columns


class MigrationAttempt(SQLModel, table=True):
    """One attempt to migrate the Studio `original_id`: the new Studio `studio_id`, and what became of it (B75).

    `source_checkpoint_id` is the checkpoint of the original that it began from, `checkpoint_id` that of the new Studio, with the same files
    over the new template. `issues` is a list of {kind, subject, message, commands}. The ids have no foreign keys, so that the attempt
    outlives either Studio; it goes once both are deleted.
    """

    __table_args__ = (
        columns.one_of("state", MigrationState),
        columns.partial_index("ix_migrationattempt_unchecked", "studio_id", where="state = 'MIGRATING'"),
    )

    id: str = columns.key()
    workspace_id: str = columns.reference("workspace.id")
    original_id: str = Field(max_length=32, index=True)
    original_name: str = columns.text()
    studio_id: str = Field(max_length=32, index=True)
    studio_name: str = columns.text()
    source_checkpoint_id: str = Field(max_length=32)
    checkpoint_id: str = Field(max_length=32)
    from_template_id: str = Field(max_length=32)
    to_template_id: str = Field(max_length=32)
    actor: Any = columns.json()
    state: str = Field(max_length=16)
    issues: Any = columns.json()
    created_at: datetime = columns.time()
    ended_at: datetime | None = columns.time(nullable=True)
    version: int = 1
