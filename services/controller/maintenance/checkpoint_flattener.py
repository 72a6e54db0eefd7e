"""Merges the layers of checkpoints that have many, while no session uses them (B37)."""

import asyncio
import logging
from time import monotonic

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.controller.flattening import flatten
from services.runtime.background_loop import BackgroundLoop
from services.store import checkpoints
from services.store.checkpoints import CheckpointState

logger = logging.getLogger(__name__)

MANY_LAYERS = 20
"""More layers than that are merged. The index of such checkpoints has the number in its condition."""
PAUSE_SECONDS = 10.0
RETRY_SECONDS = 1800.0
"""How long a checkpoint whose layers could not be merged is left alone; a start merges them when it must."""
PAGE_SIZE = 20
TIMEOUT_S = 1800.0


class CheckpointFlattener:
    """Works on one checkpoint at a time, since merging reads and writes whole images. Several may run: one of them records its result."""

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._failed: dict[str, float] = {}
        self._loop = BackgroundLoop("checkpoint flattener", self.flatten_due, failure="The layers of checkpoints could not be looked at")

    async def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        await self._loop.stop()

    async def flatten_due(self) -> float:
        """Merges what has many layers, and returns the seconds until the next look."""
        self._failed = {id_: until for id_, until in self._failed.items() if until > monotonic()}
        async with self._services.database.read() as reader:
            verified, failed = self._services.computes.verified, self._failed
            found = await checkpoints.with_many_layers(reader, verified, MANY_LAYERS, PAGE_SIZE, except_ids=failed)
        for checkpoint in found:
            await self._flatten(checkpoint)
        return PAUSE_SECONDS

    async def _flatten(self, checkpoint: CheckpointState) -> None:
        try:
            compute = await self._services.computes.get(checkpoint.compute_environment_id or "")
            async with asyncio.timeout(TIMEOUT_S):
                await flatten(self._services.database, compute, checkpoint)
        except (ComputeUnknown, ComputeFailed, TimeoutError) as error:
            self._failed[checkpoint.id] = monotonic() + RETRY_SECONDS
            logger.warning("The layers of checkpoint %s could not be merged: %s", checkpoint.name, describe_error(error))
