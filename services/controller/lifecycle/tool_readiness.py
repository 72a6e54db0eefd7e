"""Waits until the tool of a new session answers an HTTP request (B3)."""

import asyncio
from time import monotonic

from services.compute.protocol import Compute, ComputeFailed, Presence, SessionSpec, Upstream
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.controller.lifecycle.last_output import last_output
from services.studios.progress import Step

MIN_PROBE_INTERVAL_S, MAX_PROBE_INTERVAL_S = 0.01, 0.1
OBSERVE_INTERVAL_S = 0.1
"""The time between two checks that the session still exists while its tool is probed: each is a call to the engine."""


class EnvironmentNotLoaded(ComputeFailed):
    """The session ended before its environment variables were loaded, because the server that created it died."""


async def wait_for_tool(claim: ClaimedStudio, compute: Compute, spec: SessionSpec) -> Upstream:
    """Waits until the tool answers, and returns its address. Raises ComputeFailed if it ends before.

    A session created by a server that died may end only now, because its variables were not loaded: it is created again, once.
    """
    try:
        return await _first_answer(claim, compute, spec)
    except EnvironmentNotLoaded:
        await compute.ensure_session(spec, lambda message: claim.report_step(Step.SESSION, message))
        return await _first_answer(claim, compute, spec)


async def _first_answer(claim: ClaimedStudio, compute: Compute, spec: SessionSpec) -> Upstream:
    began = observed = monotonic()
    while (upstream := await compute.probe(spec.name, spec.port, spec.ready_path)) is None:
        if monotonic() - observed >= OBSERVE_INTERVAL_S:
            await _require_alive(claim, compute)
            observed = monotonic()
        await asyncio.sleep(_probe_interval(monotonic() - began))
    return upstream


def _probe_interval(waited: float) -> float:
    """Returns the seconds until the next probe, 5 % of the time `waited`: a quick tool is probed often, a slow one seldom."""
    return min(max(waited / 20, MIN_PROBE_INTERVAL_S), MAX_PROBE_INTERVAL_S)


async def _require_alive(claim: ClaimedStudio, compute: Compute) -> None:
    observation = await compute.observe(claim.name)
    if observation.presence not in (Presence.EXITED, Presence.ABSENT):
        return
    exit_code = "" if observation.exit_code is None else f" (exit code {observation.exit_code})"
    memory = " The session ran out of memory." if observation.out_of_memory else ""
    error = EnvironmentNotLoaded if observation.unprepared else ComputeFailed
    raise error(f"The tool ended before it answered{exit_code}.{memory}{await last_output(claim, compute)}")
