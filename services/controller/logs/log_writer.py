"""Writes what many sessions printed in one transaction, at most four times a second (B84)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from services.controller.logs.log_buffer import Batch
from services.runtime.background_loop import BackgroundLoop
from services.store import outputs
from services.store.db.database import Database, DatabaseUnavailable
from services.store.outputs import NotTheEnd, OutputState

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Entry:
    output: OutputState
    batch: Batch
    written: asyncio.Future[OutputState]


class LogWriter:
    """One in each process that collects."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Entry] = []
        self._loop = BackgroundLoop(
            "log writer", self._write_waiting, failure="The output of sessions could not be stored", min_pause_seconds=PAUSE_SECONDS
        )

    def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        """Ends all writing. Batches that are not written yet stay unwritten, and their callers wait until they are cancelled."""
        await self._loop.stop()

    async def write(self, output: OutputState, batch: Batch) -> OutputState:
        """The output with the batch at its end. Raises NotTheEnd, DatabaseUnavailable: whether it was written shows in the store."""
        entry = _Entry(output, batch, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._loop.wake()
        return await entry.written

    async def _write_waiting(self) -> None:
        entries, self._waiting = self._waiting, []
        asked = [entry for entry in entries if not entry.written.done()]
        if asked:
            await self._write(sorted(asked, key=lambda entry: entry.output.id))  # one order of locks in all processes

    async def _write(self, entries: Sequence[_Entry]) -> None:
        try:
            outcomes = await self._written(entries)
        except Exception as error:
            if not isinstance(error, DatabaseUnavailable):
                log.exception("What sessions printed could not be stored; it is read again")
            outcomes = [error] * len(entries)
        for entry, outcome in zip(entries, outcomes, strict=True):
            _settle(entry.written, outcome)

    async def _written(self, entries: Sequence[_Entry]) -> list[OutputState | Exception]:
        outcomes: list[OutputState | Exception] = []
        async with self._database.write(durable=False) as transaction:
            for entry in entries:
                try:
                    batch = entry.batch
                    outcomes.append(await outputs.append(transaction, entry.output, batch.data, batch.place, skipped=batch.skipped))
                except NotTheEnd as refused:
                    outcomes.append(refused)
        return outcomes


def _settle(written: asyncio.Future[OutputState], outcome: OutputState | Exception) -> None:
    if written.done():
        return  # who waited was cancelled
    if isinstance(outcome, Exception):
        written.set_exception(outcome)
    else:
        written.set_result(outcome)
