"""Has the controllers look again for the data of an INVALID checkpoint, and waits for the answer of one (B39)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from services.store.db.database import Database, Wake
from services.store.db.wakeups import WakeSource

ASKED, ANSWERED = "checkpoint-recheck", "checkpoint-rechecked"
"""The topics of the wake-ups that ask a controller to look at a checkpoint, and that tell that it has."""
ANSWER_TIMEOUT_S = 5.0
"""Seconds that a start waits for an answer. None comes while no controller reaches the engine that had the data."""


@dataclass(frozen=True, slots=True)
class CheckpointRecheck:
    """Asks by a wake-up, since the process of a command may reach no compute environment."""

    database: Database
    wakes: WakeSource

    async def __call__(self, checkpoint_id: str) -> None:
        """Returns once a controller has looked and stored what it found, or after ANSWER_TIMEOUT_S."""
        answered = asyncio.Event()

        def on_wake(wake: Wake) -> None:
            if (wake.topic, wake.key) == (ANSWERED, checkpoint_id):
                answered.set()

        unsubscribe = self.wakes.subscribe(on_wake)
        try:
            async with self.database.write(durable=False) as transaction:
                transaction.wake(ASKED, checkpoint_id)
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await answered.wait()
        finally:
            unsubscribe()
