"""Installs JupyterLab for the demo in the background of a running server."""

import asyncio
import logging
from contextlib import AsyncExitStack

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from studiograph.first_run import JUPYTERLAB

logger = logging.getLogger(__name__)


def prepare_in_background(compute: Compute, stack: AsyncExitStack) -> None:
    """Starts the installation, which is stopped with the stack. A Studio started meanwhile waits for it."""
    task = asyncio.create_task(_prepare(compute), name="prepare JupyterLab")

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(stop)


async def _prepare(compute: Compute) -> None:
    try:
        await compute.ensure_image(JUPYTERLAB, _log_progress)
        logger.info("JupyterLab is installed.")
    except (ComputeFailed, ComputeUnknown) as error:
        logger.warning("JupyterLab could not be installed: %s The next start of a Studio tries again.", error)


async def _log_progress(message: str) -> None:
    # A line for each package would push the address and the token out of the terminal.
    logger.log(logging.DEBUG if message.startswith("Collecting") else logging.INFO, "JupyterLab: %s", message)
