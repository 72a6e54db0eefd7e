"""The database: write transactions, consistent reads, and callbacks on commit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, perf_counter
from typing import Any, ClassVar, cast
from weakref import WeakValueDictionary

from sqlalchemy import Executable, event
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from services.runtime import metrics
from services.store.db import db_errors, engine
from services.store.db.db_errors import DatabaseUnavailable
from services.store.db.query import Query, Row, Statements
from services.store.db.statement_counting import StatementCount, StatementCounters

CHANNEL = "studiograph"
CANCEL_TIMEOUT_SECONDS = 5.0
"""The time that a cancelled transaction may take to end."""
RESERVED_CONNECTIONS = 3
"""For leases, and for the feeds of event streams, which few tasks of a process read."""
_STATEMENT_SECONDS = {access: metrics.SQL_STATEMENTS.labels(access) for access in ("read", "write")}
_BEGIN_SECONDS = {access: metrics.SQL_WAIT.labels(access) for access in ("read", "write")}
NOTIFY = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message"

__all__ = ["CHANNEL", "Database", "DatabaseUnavailable", "Reader", "Transaction", "Wake"]


@dataclass(frozen=True, slots=True)
class Wake:
    """A hint that something changed.

    `topic` is `stream` (key = stream id, seq = its head), `studio` (key = Studio id: work for the controller), `build` (key = build id),
    `output` (key = session or build id, seq = the end of its output), or `stats` (no key: sessions were measured). `lost` (no key): hints
    may have been missed, so that everything may have changed.
    """

    topic: str
    key: str
    seq: int = 0


@dataclass(slots=True)
class Reader:
    """One consistent view of the data: all its reads see the same moment."""

    connection: AsyncConnection
    statements: Statements
    access: ClassVar[str] = "read"

    async def all(self, query: Query, **params: Any) -> list[Row]:
        """Returns the rows of a prepared query with the raw driver's values; `services.store.db.record` converts them."""
        started = perf_counter()
        try:
            return await self.statements.fetch(self.connection, query, params)
        finally:
            _STATEMENT_SECONDS[self.access].observe(perf_counter() - started)

    async def one(self, query: Query, **params: Any) -> Row | None:
        rows = await self.all(query, **params)
        return rows[0] if rows else None

    async def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Executes a SQLAlchemy Core statement; for writes and rare reads."""
        started = perf_counter()
        try:
            return cast("CursorResult[Any]", await self.connection.execute(statement, params))
        finally:
            _STATEMENT_SECONDS[self.access].observe(perf_counter() - started)

    async def driver(self) -> Any:
        """Returns the raw driver's connection (asyncpg, aiosqlite), inside this transaction."""
        return (await self.connection.get_raw_connection()).driver_connection


@dataclass(slots=True)
class Transaction(Reader):
    """A transaction that writes.

    `now` is the database's clock, one instant for everything written. It moves on only when a stream's lock is taken
    (`outbox.lock_stream`), so that the times in a stream rise with its order.
    """

    access: ClassVar[str] = "write"
    now: datetime
    wakes: list[Wake] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)

    def wake(self, topic: str, key: str, seq: int = 0) -> None:
        """Sends a wake-up to this and all other processes once the transaction is committed."""
        self.wakes.append(Wake(topic, key, seq))


class Database:
    """SQLite (one process) or PostgreSQL (many), by URL.

    `read` and `write` raise DatabaseUnavailable where the database does not answer. Both may be cancelled at any moment.

    `reserved` ones have connections of their own on PostgreSQL: leases are renewed and streams are read while all others wait.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = engine.driver_url(url)
        self.dialect = self.url.get_backend_name()
        self.engine = (engine.sqlite if self.dialect == "sqlite" else engine.postgresql)(self.url, pool_size)
        self.reserved_engine = self.engine if self.dialect == "sqlite" else engine.postgresql(self.url, RESERVED_CONNECTIONS)
        self.counters = StatementCounters()
        self.statements = Statements(self.counters)
        self._clock_seen: tuple[datetime, float] | None = None
        self._on_commit: list[Callable[[list[Wake]], None]] = []
        self._writing = asyncio.Lock() if self.dialect == "sqlite" else nullcontext()
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def now(self) -> datetime:
        """Returns the database's time without asking it: as it was seen last, plus the time that has passed here since (ADR 8).

        Rights end by it, so that a machine with a wrong clock neither prolongs nor shortens them.
        """
        if self._clock_seen is None:
            return datetime.now(UTC)
        moment, seen_at = self._clock_seen
        return moment + timedelta(seconds=monotonic() - seen_at)

    async def synchronize_clock(self) -> None:
        """Reads the database's clock for `now`; each `write` does so as well. Raises DatabaseUnavailable."""
        async with self._connected(reserved=True) as connection, connection.begin():
            await self._see_clock(connection)

    async def _see_clock(self, connection: AsyncConnection) -> datetime:
        moment = await clock(connection)
        if self.dialect == "postgresql":
            self._clock_seen = moment, monotonic()
        return moment

    def on_commit(self, callback: Callable[[list[Wake]], None]) -> Callable[[], None]:
        """Calls `callback` with the wake-ups of each committed transaction of this process; it must neither block nor raise.

        Returns a function that removes the callback.
        """
        self._on_commit.append(callback)
        return lambda: self._on_commit.remove(callback)

    @asynccontextmanager
    async def write(self, *, durable: bool = True, reserved: bool = False) -> AsyncIterator[Transaction]:
        """A transaction. SQLite takes the write lock at once: a read that turns into a write late fails despite the busy timeout.

        On SQLite the writers of this process queue here, in order, rather than poll for the file's lock. `durable` False is for what is
        written often and may be lost with the machine's power: leases, presence, output, statistics. PostgreSQL's commits are durable.
        """
        started = perf_counter()
        async with (
            _turn(self._writing),
            self._connected(reserved, begin="IMMEDIATE", durable=durable) as connection,
            connection.begin() as begun,
        ):
            self.counters.begin()
            await _begin_now(connection)
            transaction = Transaction(connection, self.statements, now=await self._see_clock(connection))
            _BEGIN_SECONDS["write"].observe(perf_counter() - started)
            yield transaction
            await _uninterrupted(self._commit(begun, transaction))

    @asynccontextmanager
    async def read(self, *, reserved: bool = False) -> AsyncIterator[Reader]:
        """Opens a consistent view, which does not show what is committed meanwhile."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.dialect == "postgresql" else {}
        started = perf_counter()
        async with self._connected(reserved, **options) as connection, connection.begin():
            self.counters.begin()
            await _begin_now(connection)
            _BEGIN_SECONDS["read"].observe(perf_counter() - started)
            yield Reader(connection, self.statements)

    @contextmanager
    def count_statements(self) -> Iterator[StatementCount]:
        """Counts the statements that run on this database in the context; for tests."""
        statement_count = StatementCount()

        def count(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
            statement_count.statements.append(text)

        engines = {self.engine.sync_engine, self.reserved_engine.sync_engine}
        for sync_engine in engines:
            event.listen(sync_engine, "before_cursor_execute", count)
        self.counters.running.append(statement_count)
        try:
            yield statement_count
        finally:
            self.counters.running.remove(statement_count)
            for sync_engine in engines:
                event.remove(sync_engine, "before_cursor_execute", count)

    async def optimize(self) -> None:
        """Renews the statistics by which SQLite plans its reads, where its tables have changed much; PostgreSQL does so by itself."""
        if self.dialect != "sqlite":
            return
        async with self.write(durable=False) as transaction:
            driver = await transaction.driver()
            for pragma in ("analysis_limit=400", "optimize=0x10002"):
                await driver.execute_fetchall(f"PRAGMA {pragma}")

    async def dedicated_connection(self) -> Any:
        """Opens an asyncpg connection outside of the pool, for LISTEN; the caller closes it."""
        return await engine.connect_postgresql(self.url)

    async def close(self) -> None:
        await self.engine.dispose()
        await self.reserved_engine.dispose()

    @asynccontextmanager
    async def queue(self, name: str) -> AsyncIterator[None]:
        """Waits until nobody else of this process is in the queue of this name, for PostgreSQL: who waits for a lock takes no connection.

        SQLite's writers have one queue anyway. Raises DatabaseUnavailable after the time that a lock may take.
        """
        if self.dialect == "sqlite":
            yield
            return
        lock = self._queues.get(name)
        if lock is None:
            lock = self._queues[name] = asyncio.Lock()
        async with _turn(lock):
            yield

    @asynccontextmanager
    async def _connected(self, reserved: bool, **options: Any) -> AsyncIterator[AsyncConnection]:
        with db_errors.while_connecting():
            plain = await (self.reserved_engine if reserved else self.engine).connect()
        try:
            with db_errors.while_working():
                yield await plain.execution_options(**options)
        except (asyncio.CancelledError, GeneratorExit):
            await _uninterrupted(plain.invalidate())  # a BEGIN that was cut off halfway would meet the connection's next user
            raise
        finally:
            await _uninterrupted(plain.close())

    async def _commit(self, begun: AsyncTransaction, transaction: Transaction) -> None:
        wakes = list(dict.fromkeys(transaction.wakes))
        if wakes and self.dialect == "postgresql":
            await (await transaction.driver()).execute(NOTIFY, CHANNEL, [f"{wake.topic} {wake.key} {wake.seq}" for wake in wakes])
        await begun.commit()
        if wakes:
            for callback in self._on_commit:
                callback(wakes)


@asynccontextmanager
async def _turn(lock: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(engine.BUSY_TIMEOUT_SECONDS) as limit, lock:
            limit.reschedule(None)
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DatabaseUnavailable("Another write takes too long.") from error


async def clock(connection: AsyncConnection) -> datetime:
    """The database's own clock, by which every decision about time is made: SQLite's is this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    moment: datetime = await driver.fetchval("SELECT clock_timestamp()")
    return moment.astimezone(UTC)


async def _begin_now(connection: AsyncConnection) -> None:
    """SQLAlchemy begins on PostgreSQL with its first statement; ours may go to the raw driver, past it."""
    if connection.dialect.name == "postgresql":
        adapted: Any = (await connection.get_raw_connection()).dbapi_connection
        await adapted._start_transaction()


async def _uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even if we are cancelled meanwhile, and only then let the cancellation through.

    A cancellation waits for it some seconds and no longer: SQLite's thread may be gone (the database was closed), and never answer.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    until: float | None = None
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=None if until is None else max(until - asyncio.get_running_loop().time(), 0))
        except asyncio.CancelledError as error:
            cancelled = error
            until = until or asyncio.get_running_loop().time() + CANCEL_TIMEOUT_SECONDS
        else:
            if cancelled and not task.done():
                task.cancel()
                raise cancelled
    if cancelled and (task.cancelled() or task.exception()):
        raise cancelled
    task.result()
    if cancelled:
        raise cancelled
