"""Looks again for the data of INVALID checkpoints, which may be back: at each start that needs one, and now and then (B39)."""

import asyncio
import logging
from collections.abc import Callable

from services.checkpoints import saves
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.domain.statuses import CheckpointStatus
from services.runtime.background_loop import BackgroundLoop
from services.store import checkpoints, outbox
from services.store.checkpoints import CheckpointState
from services.store.db.database import Wake
from services.store.db.wakeups import WakeSource
from services.studios.checkpoint_recheck import ANSWERED, ASKED

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 30.0, 1800.0
"""Between two looks. The pause doubles while no data comes back, since each look reads the archives that exist from end to end."""
PAGE_SIZE = 20
LOOK_TIMEOUT_S = 600.0


class CheckpointAudit:
    """Several may run. Which checkpoints are INVALID is in the database, and what is not answered now is asked again."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._asked: set[str] = set()
        self._after = ""
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._loop = BackgroundLoop("checkpoint audit", self._run, failure="The invalid checkpoints could not be looked at")
        self._recheck = BackgroundLoop("checkpoint recheck", self._answer, failure="An invalid checkpoint could not be looked at")
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        self._unsubscribe = self._wakes.subscribe(self._on_wake)
        self._loop.start(delay_seconds=FIRST_PAUSE_SECONDS)
        self._recheck.start()

    async def close(self) -> None:
        self._unsubscribe()
        await asyncio.gather(self._loop.stop(), self._recheck.stop())

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic == ASKED:
            self._asked.add(wake.key)
            self._recheck.wake()

    async def _answer(self) -> None:
        """Looks at the checkpoints that starts ask for. One that cannot be looked at is left to another controller."""
        while self._asked:
            checkpoint_id = self._asked.pop()
            async with self._services.database.read() as reader:
                checkpoint = await checkpoints.find(reader, checkpoint_id)
            if checkpoint is not None and await self._look(checkpoint) is not None:
                async with self._services.database.write(durable=False) as transaction:
                    transaction.wake(ANSWERED, checkpoint_id)

    async def _run(self) -> float:
        """Looks at the next page of INVALID checkpoints."""
        async with self._services.database.read() as reader:
            page = await checkpoints.invalid(reader, self._services.computes.verified, self._after, PAGE_SIZE)
        self._after = page[-1].id if len(page) == PAGE_SIZE else ""
        returned = [await self._look(checkpoint) for checkpoint in page]
        self._pause_seconds = FIRST_PAUSE_SECONDS if any(returned) else min(self._pause_seconds * 2, MAX_PAUSE_SECONDS)
        return self._pause_seconds

    async def _look(self, checkpoint: CheckpointState) -> bool | None:
        """Returns whether its data is there, after which it is valid again; None if that cannot be told here."""
        environment_id, reference = checkpoint.compute_environment_id, checkpoint.reference
        if checkpoint.status != CheckpointStatus.INVALID.value:
            return True
        if reference is None or environment_id is None or checkpoint.deleted_at is not None:
            return False
        if environment_id not in self._services.computes.verified:
            return None
        try:
            compute = await self._services.computes.get(environment_id)
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                is_there = await compute.has_checkpoint(reference, checkpoint.digest)
        except (ComputeUnknown, ComputeFailed, TimeoutError):
            return None
        if is_there:
            async with outbox.stream_transaction(self._services.database, checkpoint.workspace_id) as transaction:
                await saves.revalidate(transaction, checkpoint)
            logger.info("The data of the checkpoint %s is there again", checkpoint.name)
        return is_there
