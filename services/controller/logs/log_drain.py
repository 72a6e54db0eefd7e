"""Stores the last output of a session before its resources are removed, whichever process was following it (B84)."""

import asyncio
import logging
from contextlib import aclosing, suppress
from time import monotonic

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown, Presence
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.controller.logs.log_buffer import LogBuffer
from services.controller.logs.log_follower import create_buffer, open_output
from services.secrets.secret_box import CannotOpen
from services.store import outputs
from services.store.db.database import DatabaseUnavailable
from services.store.output_sources import OutputSource
from services.store.outputs import OutputChanged, OutputState

logger = logging.getLogger(__name__)

READ_TIMEOUT_SECONDS = 5.0
"""How long output is read: a stop waits for it."""
IDLE_TIMEOUT_SECONDS = 1.0
"""Without output for so long, a session that has not ended is taken to be read completely."""
MAX_ATTEMPTS = 3
"""How often it is tried again after a log follower stored the same output at the same time."""


async def drain(claim: ClaimedStudio) -> None:
    """Stores the output that is missing. Takes a few seconds at most, and raises nothing: a failure must not block a stop."""
    try:
        for _ in range(MAX_ATTEMPTS):
            with suppress(OutputChanged):
                await _drain(claim)
                return
    except (ComputeUnknown, ComputeFailed, DatabaseUnavailable, CannotOpen) as error:
        logger.warning("The last output of Studio %s could not be collected: %s", claim.studio.id, error)
    except Exception:
        logger.exception("The last output of Studio %s could not be collected", claim.studio.id)


async def _drain(claim: ClaimedStudio) -> None:
    session = claim.session
    environment_id = session.compute_environment_id
    source = OutputSource(session.id, claim.studio.id, claim.studio.public_id, session.number, session.ended_at, environment_id)
    opened = await open_output(claim.services, source)
    if opened is None or opened[0].closed:
        return
    buffer = await create_buffer(claim.services, *opened)
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            await _read(claim, await claim.compute(), buffer)
    await _store(claim, opened[0], buffer)


async def _read(claim: ClaimedStudio, compute: Compute, buffer: LogBuffer) -> None:
    """Reads into the buffer, which drops the oldest output if there is too much."""
    idle = IDLE_TIMEOUT_SECONDS if (await claim.observe()).presence is Presence.RUNNING else None
    async with aclosing(compute.follow(claim.name, buffer.source_cursor)) as chunks:
        while True:
            async with asyncio.timeout(idle):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            buffer.add(chunk)
            await asyncio.sleep(0)


async def _store(claim: ClaimedStudio, output: OutputState, buffer: LogBuffer) -> None:
    async with claim.services.database.write(durable=False) as transaction:
        while batch := buffer.take(monotonic(), at_end=True):
            output = await outputs.append(transaction, output, batch.data, batch.cursor, skipped=batch.skipped)
