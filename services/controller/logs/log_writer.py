"""Stores the output of many sessions in one transaction, every MIN_WRITE_INTERVAL_SECONDS at most (B84)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from services.controller.logs.log_buffer import Batch
from services.runtime.background_loop import BackgroundLoop
from services.store import outputs
from services.store.db.database import Database, DatabaseUnavailable
from services.store.outputs import OutputChanged, OutputState

logger = logging.getLogger(__name__)

MIN_WRITE_INTERVAL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _PendingBatch:
    output: OutputState
    batch: Batch
    written: asyncio.Future[OutputState]


class LogWriter:
    """Groups the batches of all log followers of a process into common transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: list[_PendingBatch] = []
        self._loop = BackgroundLoop(
            "log writer",
            self._write_pending,
            failure="The output of sessions could not be stored",
            min_pause_seconds=MIN_WRITE_INTERVAL_SECONDS,
        )

    def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        """Stops writing. Batches not written yet are dropped, and their callers wait until they are cancelled."""
        await self._loop.stop()

    async def write(self, output: OutputState, batch: Batch) -> OutputState:
        """Appends a batch; returns the output's new state. Raises OutputChanged, or DatabaseUnavailable: then it may have been stored."""
        entry = _PendingBatch(output, batch, asyncio.get_running_loop().create_future())
        self._pending.append(entry)
        self._loop.wake()
        return await entry.written

    async def _write_pending(self) -> None:
        entries, self._pending = self._pending, []
        pending = [entry for entry in entries if not entry.written.done()]
        if pending:
            await self._write(sorted(pending, key=lambda entry: entry.output.id))  # one order of locks in all processes

    async def _write(self, entries: Sequence[_PendingBatch]) -> None:
        try:
            outcomes = await self._append(entries)
        except Exception as error:
            if not isinstance(error, DatabaseUnavailable):
                logger.exception("The output of sessions could not be stored; it is read again")
            outcomes = [error] * len(entries)
        for entry, outcome in zip(entries, outcomes, strict=True):
            _resolve(entry.written, outcome)

    async def _append(self, entries: Sequence[_PendingBatch]) -> list[OutputState | Exception]:
        outcomes: list[OutputState | Exception] = []
        async with self._database.write(durable=False) as transaction:
            for entry in entries:
                try:
                    batch = entry.batch
                    outcomes.append(await outputs.append(transaction, entry.output, batch.data, batch.cursor, skipped=batch.skipped))
                except OutputChanged as conflict:
                    outcomes.append(conflict)
        return outcomes


def _resolve(written: asyncio.Future[OutputState], outcome: OutputState | Exception) -> None:
    if written.done():
        return  # the caller was cancelled
    if isinstance(outcome, Exception):
        written.set_exception(outcome)
    else:
        written.set_result(outcome)
