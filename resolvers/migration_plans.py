"""Shows what a migration would do, by the checks of the mutation and without effect (B73)."""

from collections.abc import Callable
from dataclasses import dataclass

from resolvers.context import Context
from resolvers.error_rows import ErrorRow, InputPath, error_row
from services.domain.errors import NotFound
from services.domain.statuses import MigrationDifferenceKind
from services.store.templates import TemplateState
from services.studios.migration.plan import MigrationPlan
from services.studios.requests import MigrateStudioRequest


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One difference between the template that a Studio runs and the one it would run."""

    kind: MigrationDifferenceKind
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class MigrationPlanRow:
    """What a migration would start from and lead to, and what would refuse it."""

    studio_id: str
    from_template_id: str
    to_template_id: str | None
    checkpoint_id: str | None
    new_name: str | None
    differences: list[DifferenceRow]
    blockers: list[ErrorRow]

    @property
    def can_migrate(self) -> bool:
        return not self.blockers


async def migration_plan(context: Context, request: Callable[[], MigrateStudioRequest], path: InputPath) -> MigrationPlanRow | None:
    """Returns the plan of the migration that `request` asks for; None for a Studio that the viewer cannot see (B92)."""
    try:
        async with context.services.database.read() as reader:
            plan = await context.services.studios.plan_migration(reader, context.viewer, request())
    except NotFound:
        return None
    return await _row(context, plan, path)


async def _row(context: Context, plan: MigrationPlan, path: InputPath) -> MigrationPlanRow:
    return MigrationPlanRow(
        plan.original.id,
        plan.current.id,
        plan.target.id if plan.target else None,
        plan.source.checkpoint.id if plan.source else None,
        plan.name if plan.target and plan.name else None,
        _differences(plan.current, plan.target) if plan.target else [],
        [await error_row(context, blocker, path) for blocker in plan.blockers],
    )


def _differences(current: TemplateState, target: TemplateState) -> list[DifferenceRow]:
    values = {
        MigrationDifferenceKind.TOOL_VERSION: (current.tool_version, target.tool_version),
        MigrationDifferenceKind.CONNECT_VERSION: (current.connect_version, target.connect_version),
        MigrationDifferenceKind.IMAGE: (current.image, target.image),
    }
    return [DifferenceRow(kind, before, after) for kind, (before, after) in values.items() if before != after]
