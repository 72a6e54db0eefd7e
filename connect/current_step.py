"""Reads which step of an operation, such as the start of a Studio, is in progress."""

from services.domain.statuses import StepState
from services.store.db.database import Database
from services.store.reads import operations


async def current_step(database: Database, user_id: str, operation_id: str) -> str | None:
    """Returns the step with its message, as text for the user. None if no step is in progress, or the user may not see the operation."""
    async with database.read() as reader:
        steps = (await operations.steps(reader, user_id, [operation_id])).get(operation_id, [])
    step = next((step for step in steps if step.state is StepState.IN_PROGRESS), None)
    if step is None:
        return None
    return f"{step.name}: {step.message}" if step.message else step.name
