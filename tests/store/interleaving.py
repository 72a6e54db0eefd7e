"""Runs two writers against each other on PostgreSQL: one pauses with the locks that it has, while the other runs until it waits."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.util import await_only

from services.domain.errors import DomainError
from services.store.db.database import Database

LOCKING = re.compile(r"^\s*(UPDATE|DELETE|INSERT)\b|\bFOR (NO KEY )?UPDATE\b|pg_advisory_xact_lock")
STREAM_LOCK = re.compile(r"pg_advisory_xact_lock|FROM stream\b.*FOR NO KEY UPDATE", re.DOTALL)
STEP_LIMIT_SECONDS = 30.0
POLL_SECONDS = 0.002
IS_WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock')"
Writer = Callable[[Any], Awaitable[object]]


class RolledBack(Exception):
    """The writer has come to its commit, in place of which its transaction is rolled back: the next pair finds the same rows."""


@dataclass(slots=True)
class WriterRun:
    """One run of a writer. It pauses after its locking statement number `pause_after`; 0: never."""

    pause_after: int = 0
    locking: list[str] = field(default_factory=list)
    process_id: int | None = None
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    resumed: asyncio.Event = field(default_factory=asyncio.Event)

    async def after(self, statement: str) -> None:
        if not LOCKING.search(statement):
            return
        self.locking.append(statement)
        if len(self.locking) == self.pause_after:
            self.paused.set()
            await self.resumed.wait()

    @property
    def begins_with_stream(self) -> bool:
        """Whether the lock of a stream is its first: all that do so wait for each other there, and so never in a circle."""
        return bool(self.locking) and STREAM_LOCK.search(self.locking[0]) is not None


RUN: ContextVar[WriterRun | None] = ContextVar("run", default=None)


def _before(connection: Any, _cursor: Any, _statement: str, *_: Any) -> None:
    run = RUN.get()
    if run is not None:
        run.process_id = connection.connection.driver_connection.get_server_pid()


def _after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    run = RUN.get()
    if run is not None:
        await_only(run.after(statement))


def _commit(connection: Any) -> None:
    run = RUN.get()
    if run is not None and run.locking:
        connection.connection.dbapi_connection.rollback()  # SQLAlchemy takes an error here for the end of the transaction
        raise RolledBack


LISTENERS = (("before_cursor_execute", _before), ("after_cursor_execute", _after), ("commit", _commit))


@contextmanager
def observed(database: Database) -> Iterator[None]:
    """Tells the run of each task of its statements, and ends a transaction that has written without a commit."""
    engines = [engine.sync_engine for engine in (database.engine, database.reserved_engine)]
    for engine, (name, listener) in product(engines, LISTENERS):
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for engine, (name, listener) in product(engines, LISTENERS):
            event.remove(engine, name, listener)


async def run_writer(writer: Writer, scene: Any, run: WriterRun) -> None:
    """Runs a writer up to its first commit. What it refuses is fine: it may meet the rows that the other one has changed."""
    RUN.set(run)
    with suppress(RolledBack, DomainError):
        await writer(scene)


async def interleave(one: Writer, other: Writer, scenes: tuple[Any, Any], monitor: asyncpg.Connection) -> None:
    """Lets `one` pause after each of its locks in turn. Raises DatabaseUnavailable if the two wait for each other."""
    number = 1
    while await _pause_once(one, other, scenes, monitor, number):
        number += 1


async def _pause_once(one: Writer, other: Writer, scenes: tuple[Any, Any], monitor: asyncpg.Connection, number: int) -> bool:
    """Returns whether `one` has that many locking statements."""
    first, second = WriterRun(number), WriterRun()
    running = asyncio.create_task(run_writer(one, scenes[0], first))
    pausing = asyncio.create_task(first.paused.wait())
    try:
        async with asyncio.timeout(STEP_LIMIT_SECONDS):
            await asyncio.wait({running, pausing}, return_when=asyncio.FIRST_COMPLETED)
            if not first.paused.is_set():
                await running
                return False
            against = asyncio.create_task(run_writer(other, scenes[1], second))
            while not against.done() and not (second.process_id and await monitor.fetchval(IS_WAITING, second.process_id)):
                await asyncio.wait({against}, timeout=POLL_SECONDS)
            first.resumed.set()
            await asyncio.gather(running, against)
            return True
    finally:
        pausing.cancel()
