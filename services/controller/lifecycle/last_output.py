"""Quotes the last lines of a session's output in the message of a failed start."""

import asyncio

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.secrets import masking
from services.secrets.session_secrets import session_secrets

MAX_OUTPUT_LENGTH = 800
"""Characters of output in a status message."""
MAX_OUTPUT_LINES = 5


async def last_output(claim: ClaimedStudio, compute: Compute) -> str:
    """Returns a sentence with the last lines of the session's output, with its secrets masked; empty if there is none."""
    secrets = await session_secrets(claim.services.database, claim.services.seal, claim.session)
    forms = await asyncio.to_thread(masking.forms, secrets)
    margin = max((len(form.encode()) for form in forms), default=0)
    try:
        data = await compute.tail(claim.name, MAX_OUTPUT_LENGTH + margin)
    except (ComputeUnknown, ComputeFailed):
        return ""
    skip = margin if len(data) == MAX_OUTPUT_LENGTH + margin else 0  # the text before it may begin in the middle of a secret
    text = await asyncio.to_thread(masking.masked, data.decode(errors="replace"), forms, skip)
    lines = [line for line in describe_error(text[-MAX_OUTPUT_LENGTH:]).splitlines() if line.strip()][-MAX_OUTPUT_LINES:]
    return f" Its last output:\n{chr(10).join(lines)}" if lines else ""
