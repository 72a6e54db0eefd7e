"""Measures the sessions of one compute environment concurrently; a call that hangs does not delay the others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic

from services.compute.protocol import ComputeFailed, ComputeUnknown, Usage
from services.store.stats import RunningSession

logger = logging.getLogger(__name__)

MAX_CONCURRENT_MEASUREMENTS = 50
"""A Docker Engine may take a second for each measurement, however many run at once, and uses 3.5 ms of CPU for it."""
MIN_MEASUREMENT_SECONDS = 1.0
"""The shortest time that a measurement occupies a worker: at most 50 are made per second, and 500 sessions take ten seconds."""
MEASUREMENT_TIMEOUT_SECONDS = 5.0
"""After so long without an answer a worker gives up, and measures no further session in this round."""

ReadUsage = Callable[[RunningSession], Awaitable[Usage | None]]
ReportUsage = Callable[[RunningSession, Usage], None]


async def measure(sessions: Sequence[RunningSession], read_usage: ReadUsage, report: ReportUsage) -> None:
    """Reads the usage of each session once and reports it. If calls time out, their workers stop, so that the round ends soon."""
    remaining = iter(sessions)
    await asyncio.gather(*(_run_worker(remaining, read_usage, report) for _ in range(min(MAX_CONCURRENT_MEASUREMENTS, len(sessions)))))


async def _run_worker(remaining: Iterator[RunningSession], read_usage: ReadUsage, report: ReportUsage) -> None:
    free_at = 0.0
    for session in remaining:
        await asyncio.sleep(max(free_at - monotonic(), 0))
        free_at = monotonic() + MIN_MEASUREMENT_SECONDS
        try:
            async with asyncio.timeout(MEASUREMENT_TIMEOUT_SECONDS):
                usage = await read_usage(session)
        except (ComputeUnknown, ComputeFailed):
            continue  # reported by the check of its compute environment, and by the controller's observation of the Studio
        except TimeoutError:
            return
        except Exception:
            logger.exception("Session %s of Studio %s could not be measured", session.number, session.studio_id)
            return
        if usage is not None:
            report(session, usage)
