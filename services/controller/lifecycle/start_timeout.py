"""Why a start missed its deadline, in words for the user: how far it got, and what to check (B7)."""

from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.domain.compute_kinds import DOCKER, PROCESS
from services.domain.statuses import StepState
from services.store import compute_environments, operations
from services.studios.progress import Step

NO_ANSWER = {
    DOCKER: "the tool runs, and answers no HTTP request at port {port}. Check that it listens on 0.0.0.0 (not on 127.0.0.1) at "
    "$CONNECT_TOOL_PORT, which is the template's port",
    PROCESS: "the tool runs, and answers no HTTP request. Check that it listens on the unix socket $CONNECT_TOOL_SOCKET",
}
"""By the kind of environment: where a tool has to listen differs."""


async def timeout_reason(claim: ClaimedStudio) -> str:
    """From the step that the operation is in; without a final stop."""
    async with claim.services.database.read() as reader:
        operation = await operations.find(reader, claim.studio.operation_id or "")
        template = await compute_environments.template(reader, claim.session.template_id)
    steps = operation.steps if operation else []
    current = next((step for step in steps if step["state"] == StepState.IN_PROGRESS.value), None)
    if current is None or template is None:
        return "it was not begun"
    if current["name"] != Step.ANSWER.value:
        said = f" ({current['message']})" if current["message"] else ""
        return f"it got no further than the step “{current['name']}”{said}"
    kind = (await claim.compute()).kind
    return NO_ANSWER.get(kind, NO_ANSWER[DOCKER]).format(port=template.port)
