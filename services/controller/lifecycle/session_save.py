"""Has a compute environment save the file system of a session."""

import logging

from services.compute.protocol import Saved
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.secrets.secret_box import CannotOpen
from services.secrets.session_secrets import session_secrets
from services.store import checkpoints
from services.store.sessions import SessionState

logger = logging.getLogger(__name__)


async def save_session(claim: ClaimedStudio, session: SessionState, *, interim: bool) -> Saved:
    """Save this session. Raises ComputeFailed, ComputeUnknown, LeaseLost.

    The compute environment removes earlier saves that were never recorded. Hence the check of the lease: such a save may be one that
    whoever took over has just made and is about to record.
    """
    compute = await claim.services.computes.get(session.compute_environment_id)
    secrets = await _searchable_secrets(claim, session)
    async with claim.services.database.read() as reader:
        await claim.require_lease(reader)
        checkpoint = await checkpoints.find(reader, session.checkpoint_id)
    keep = (checkpoint.reference if checkpoint else None) or ""
    return await compute.save(claim.name_of(session.number), session.checkpoint_id, interim=interim, secrets=secrets, keep=keep)


async def find_final_save(claim: ClaimedStudio) -> Saved | None:
    """Returns the finished save of the claimed session, which is gone. Raises ComputeFailed, ComputeUnknown."""
    return await (await claim.compute()).final_save(claim.name, claim.session.checkpoint_id)


async def _searchable_secrets(claim: ClaimedStudio, session: SessionState) -> tuple[str, ...]:
    """None where they cannot be opened any more: a search that is impossible must not cost the session's work."""
    try:
        return await session_secrets(claim.services.database, claim.services.seal, session)
    except CannotOpen:
        logger.warning("The checkpoint of session %s is not searched for secrets: they were sealed with another key", session.id)
        return ()
