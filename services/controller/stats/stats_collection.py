"""One compute environment's sessions, measured: a few at once, and what hangs holds up nobody else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic

from services.compute.protocol import ComputeFailed, ComputeUnknown, Usage
from services.store.stats import RunningSession

log = logging.getLogger(__name__)

AT_ONCE = 50
"""A Docker Engine may take a second for each, whatever their number, and 3.5 ms of its processor."""
TURN_SECONDS = 1.0
"""Each measurement takes up a turn for at least so long: at most 50 a second, and 500 sessions in ten seconds."""
LIMIT_SECONDS = 5.0

Ask = Callable[[RunningSession], Awaitable[Usage | None]]
Tell = Callable[[RunningSession, Usage], None]


async def measure(sessions: Sequence[RunningSession], ask: Ask, tell: Tell) -> None:
    """Ask for each session once, and tell what comes. Ends soon where nothing comes: whoever waits in vain asks for no other."""
    waiting = iter(sessions)
    await asyncio.gather(*(_ask_on(waiting, ask, tell) for _ in range(min(AT_ONCE, len(sessions)))))


async def _ask_on(waiting: Iterator[RunningSession], ask: Ask, tell: Tell) -> None:
    free_at = 0.0
    for session in waiting:
        await asyncio.sleep(max(free_at - monotonic(), 0))
        free_at = monotonic() + TURN_SECONDS
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                usage = await ask(session)
        except (ComputeUnknown, ComputeFailed):
            continue  # told by the check of its environment, and by the Studio's own look
        except TimeoutError:
            return
        except Exception:
            log.exception("Session %s of Studio %s could not be measured", session.number, session.studio_id)
            return
        if usage is not None:
            tell(session, usage)
