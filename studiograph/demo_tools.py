"""Installs the demo's tool while the server serves already."""

import asyncio
import logging
from contextlib import AsyncExitStack

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from studiograph.first_run import JUPYTERLAB

log = logging.getLogger(__name__)


def prepare_in_background(compute: Compute, stack: AsyncExitStack) -> None:
    """Nobody waits for it: a Studio that is started meanwhile waits by itself, and says so."""
    task = asyncio.create_task(_prepare(compute), name="prepare JupyterLab")

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(stop)


async def _prepare(compute: Compute) -> None:
    try:
        await compute.ensure_image(JUPYTERLAB, _tell)
    except (ComputeFailed, ComputeUnknown) as error:
        log.warning("JupyterLab could not be prepared: %s The next start of a Studio tries again.", error)


async def _tell(message: str) -> None:
    log.info("JupyterLab: %s", message)
