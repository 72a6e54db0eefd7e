"""Previews clones: the same checks as those of the mutation, without effect (B43)."""

from collections.abc import Callable
from dataclasses import dataclass

from resolvers.context import Context
from resolvers.error_rows import ErrorRow, InputPath, error_row
from services.domain.errors import DomainError
from services.rows.studio import VariableRow
from services.studios.clone import ClonePlan
from services.studios.requests import CloneStudioRequest


@dataclass(frozen=True, slots=True)
class NewStudioRow:
    """The Studio that would be created."""

    name: str
    description: str | None
    template_id: str
    compute_environment_id: str
    checkpoint_id: str
    cpu: float
    memory_mib: int
    gpu: int
    lifespan_hours: int
    environment: list[VariableRow]


@dataclass(frozen=True, slots=True)
class ClonePreviewRow:
    """What a clone would be, or why it would be refused."""

    would_create: NewStudioRow | None
    locked_fields: list[str]
    refusals: list[ErrorRow]


async def preview_clone(
    context: Context, request: Callable[[], CloneStudioRequest], locked_fields: list[str], path: InputPath
) -> ClonePreviewRow:
    """Returns the preview of the clone that `request` makes from an input."""
    try:
        async with context.services.database.read() as reader:
            plan = await context.services.studios.plan_clone(reader, context.viewer, request())
    except DomainError as error:
        return ClonePreviewRow(None, locked_fields, [await error_row(context, error, path)])
    return ClonePreviewRow(_row(plan), locked_fields, [])


def _row(plan: ClonePlan) -> NewStudioRow:
    new, values = plan.new, plan.new.configuration
    variables = [VariableRow(v["key"], None if v["secret"] else v["value"], v["secret"]) for v in values["environment"]]
    return NewStudioRow(
        name=new.name.strip(),
        description=new.description,
        template_id=new.template_id,
        compute_environment_id=new.compute_environment_id,
        checkpoint_id=plan.source.checkpoint.id,
        cpu=values["cpu"],
        memory_mib=values["memory_mib"],
        gpu=values["gpu"],
        lifespan_hours=values["lifespan_hours"],
        environment=variables,
    )
