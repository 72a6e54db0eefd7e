"""The GraphQL types of migrations: plans, attempts and the issues that were found."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import checkpoints, studios, templates
from resolvers.migration_plans import DifferenceRow, MigrationPlanRow
from schema.enums import MigrationDifferenceKind, MigrationIssueKind, MigrationState
from schema.errors import Error
from schema.fields import attribute, batched, exactly
from schema.types.checkpoint import Checkpoint
from schema.types.compute import Template
from schema.types.operation import Actor
from services.domain.migration_issues import MAX_ISSUES
from services.domain.migration_issues import MigrationIssue as MigrationIssueRow
from services.rows.migrations import MigrationAttemptRow

if TYPE_CHECKING:
    from schema.types.studio import Studio


@strawberry.type(description="One thing that is wrong in the session of a migrated Studio.")
class MigrationIssue:
    """B74."""

    kind: MigrationIssueKind = attribute("The kind of the issue.")
    subject: str = attribute("The package, file, library, extension or template that the issue is about.")
    message: str = attribute("What is wrong, as text for people. It may repeat what a program of the session printed.")
    commands: list[str] = attribute(
        "The commands that mend it, to be run in a session of the original before it is migrated again. Empty if no command is known."
    )

    is_type_of = exactly(MigrationIssueRow)


@strawberry.type(description="One attempt to migrate a Studio to a newer template. It stays as long as either Studio exists.")
class MigrationAttempt:
    """B74, B75."""

    id: strawberry.ID = attribute("The id of the attempt, unique in the installation. It never changes.")
    original: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio that is migrated. Null after it was deleted.", of="original_id"
    )
    original_name: str = attribute("The name of the original when the attempt began.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio that the migration added. Null after it was discarded or deleted.", of="studio_id"
    )
    studio_name: str = attribute("The name that the new Studio had when the attempt began.")
    checkpoint: Checkpoint | None = batched(
        checkpoints.by_id, "The checkpoint from which the migration began. Null if it no longer exists.", of="source_checkpoint_id"
    )
    from_template: Template | None = batched(
        templates.by_id, "The template of the original. Null if it was removed.", of="from_template_id"
    )
    to_template: Template | None = batched(templates.by_id, "The template of the new Studio. Null if it was removed.", of="to_template_id")
    actor: Actor = attribute("The user who requested the migration.")
    state: MigrationState = attribute("The present state of the attempt.")
    issues: list[MigrationIssue] = attribute(
        f"What was found to be wrong, at most {MAX_ISSUES} issues. Empty while MIGRATING. A migration is best effort: what no check looks "
        "for is not found."
    )
    created_at: datetime = attribute("The time at which the migration was requested.")
    ended_at: datetime | None = attribute("The time at which the attempt entered its present state. Null while MIGRATING.")

    is_type_of = exactly(MigrationAttemptRow)


@strawberry.type(description="One difference between the template of a Studio and the one it would be migrated to.")
class MigrationDifference:
    """B73."""

    kind: MigrationDifferenceKind = attribute("The kind of the difference.")
    before: str = attribute("The value of the present template.")
    after: str = attribute("The value of the new template.")

    is_type_of = exactly(DifferenceRow)


@strawberry.type(
    description="What `migrateStudio` would do with the same values. A migration is best effort: files of the original are put over the "
    "new template, and software that depends on the former release may have to be installed again."
)
class MigrationPlan:
    """B73."""

    can_migrate: bool = attribute("Whether `migrateStudio` would succeed. False if there are `blockers`.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The original. Null if it was deleted meanwhile.", of="studio_id"
    )
    from_template: Template | None = batched(
        templates.by_id, "The template that the original runs. Null if it was removed meanwhile.", of="from_template_id"
    )
    to_template: Template | None = batched(
        templates.by_id, "The template that the new Studio would run. Null if none can be used; `blockers` say why.", of="to_template_id"
    )
    checkpoint: Checkpoint | None = batched(
        checkpoints.by_id, "The checkpoint from which the migration would start. Null if none can be used.", of="checkpoint_id"
    )
    new_name: str | None = attribute("The name of the new Studio, if no other is given. Null without a template.")
    differences: list[MigrationDifference] = attribute("In what the two templates differ. Empty without a new template.")
    blockers: list[Error] = attribute("The errors that the mutation would return. Empty if it would succeed.")

    is_type_of = exactly(MigrationPlanRow)
