"""Explains why a start missed its deadline: how far it got, and what the user can check (B7)."""

from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.compute_kinds import spec_of
from services.domain.statuses import StepState
from services.store import compute_environments, operations, templates
from services.studios.progress import Step


async def timeout_reason(claim: ClaimedStudio) -> str:
    """Returns the reason as a clause without a full stop, from the step that the operation is in."""
    async with claim.services.database.read() as reader:
        operation = await operations.find(reader, claim.studio.operation_id or "")
        template = await templates.find(reader, claim.session.template_id)
        environment = await compute_environments.find(reader, claim.session.compute_environment_id)
    steps = operation.steps if operation else []
    current = next((step for step in steps if step["state"] == StepState.IN_PROGRESS.value), None)
    if current is None or template is None or environment is None:
        return "it was not begun"
    if current["name"] != Step.ANSWER.value:
        detail = f" ({current['message']})" if current["message"] else ""
        return f"it did not get beyond the step “{current['name']}”{detail}"
    return spec_of(environment.kind).no_answer.format(port=template.port)
