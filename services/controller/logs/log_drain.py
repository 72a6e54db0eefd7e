"""What a session printed last is read before its resources go, whoever was listening to it (B84)."""

import asyncio
import logging
from contextlib import aclosing, suppress
from time import monotonic

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown, Presence
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.controller.logs.log_buffer import LogBuffer
from services.controller.logs.log_follower import begun, intake_of
from services.secrets.secret_box import CannotOpen
from services.store import outputs
from services.store.db.database import DatabaseUnavailable
from services.store.output_sources import Printing
from services.store.outputs import NotTheEnd, OutputState

log = logging.getLogger(__name__)

READ_SECONDS = 5.0
IDLE_SECONDS = 1.0
"""A session that has not ended may print for ever: nothing for so long means that we have caught up."""
ATTEMPTS = 3
"""Whoever listens may store the same at this moment: then we go on from there."""


async def drain(claim: ClaimedStudio) -> None:
    """Store what is missing. Takes a few seconds at most, and raises nothing: an output that cannot be read holds up no end."""
    try:
        for _ in range(ATTEMPTS):
            with suppress(NotTheEnd):
                await _drain(claim)
                return
    except (ComputeUnknown, ComputeFailed, DatabaseUnavailable, CannotOpen) as trouble:
        log.warning("The last output of Studio %s could not be collected: %s", claim.studio.id, trouble)
    except Exception:
        log.exception("The last output of Studio %s could not be collected", claim.studio.id)


async def _drain(claim: ClaimedStudio) -> None:
    session = claim.session
    there = await begun(claim.services, Printing(session.id, claim.studio.id, claim.studio.public_id, session.number, session.ended_at))
    if there is None or there[0].closed:
        return
    intake = await intake_of(claim.services, *there)
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_SECONDS):
            await _read(claim, await claim.compute(), intake)
    await _store(claim, there[0], intake)


async def _read(claim: ClaimedStudio, compute: Compute, intake: LogBuffer) -> None:
    """Of much more than can be stored the newest is left."""
    idle = IDLE_SECONDS if (await claim.observe()).presence is Presence.RUNNING else None
    async with aclosing(compute.follow(claim.name, intake.source_place)) as pieces:
        while True:
            async with asyncio.timeout(idle):
                printed = await anext(pieces, None)
            if printed is None:
                return
            intake.add(printed)
            await asyncio.sleep(0)


async def _store(claim: ClaimedStudio, output: OutputState, intake: LogBuffer) -> None:
    async with claim.services.database.write(durable=False) as transaction:
        while batch := intake.take(monotonic(), at_end=True):
            output = await outputs.append(transaction, output, batch.data, batch.place, skipped=batch.skipped)
