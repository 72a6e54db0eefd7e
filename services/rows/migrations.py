"""The row classes of attempts to migrate Studios."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.actor import Actor
from services.domain.migration_issues import MigrationIssue
from services.domain.statuses import MigrationState


@dataclass(frozen=True, slots=True)
class MigrationAttemptRow:
    """One attempt to migrate a Studio, as a viewer sees it."""

    id: str
    workspace_id: str
    original_id: str
    original_name: str
    studio_id: str
    studio_name: str
    source_checkpoint_id: str
    from_template_id: str
    to_template_id: str
    actor: Actor
    state: MigrationState
    issues: list[MigrationIssue]
    created_at: datetime
    ended_at: datetime | None
    version: int
