"""The database: transactions that write, consistent reads, and what happens on commit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Executable, event
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from services.store.db import db_errors, engine
from services.store.db.db_errors import DatabaseUnavailable
from services.store.db.query import Query, Row, Statements
from services.store.db.statement_counting import Counted, Counters

CHANNEL = "studiograph"
LAST_WORK_SECONDS = 5.0
"""How long a cancelled transaction may take to end."""
NOTIFY = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message"

__all__ = ["CHANNEL", "Database", "DatabaseUnavailable", "Reader", "Transaction", "Wake"]


@dataclass(frozen=True, slots=True)
class Wake:
    """A hint to look: `topic` is `stream` (key = stream id, seq = its head), `studio` (key = Studio id: work for the controller),
    `build` (key = build id), `output` (key = session or build id, seq = how far its output goes), or `stats` (no key: sessions were
    measured).

    `lost` (no key): hints may have been missed, look at everything.
    """

    topic: str
    key: str
    seq: int = 0


@dataclass(slots=True)
class Reader:
    """One consistent view of the data: all its reads see the same moment."""

    connection: AsyncConnection
    statements: Statements

    async def all(self, query: Query, **params: Any) -> list[Row]:
        """Rows of a prepared query, straight from the raw driver (times and JSON unconverted: see `services.store.db.types`)."""
        return await self.statements.fetch(self.connection, query, params)

    async def one(self, query: Query, **params: Any) -> Row | None:
        rows = await self.all(query, **params)
        return rows[0] if rows else None

    async def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """A SQLAlchemy Core statement; for writes and rare reads."""
        return cast("CursorResult[Any]", await self.connection.execute(statement, params))

    async def driver(self) -> Any:
        """The raw driver's connection (asyncpg, aiosqlite), inside this transaction."""
        return (await self.connection.get_raw_connection()).driver_connection


@dataclass(slots=True)
class Transaction(Reader):
    """A write: all of it or nothing.

    `now` is the database's clock, one instant for everything written. It moves on only when a stream's lock is taken
    (`outbox.lock_stream`), so that the times in a stream rise with its order.
    """

    now: datetime
    wakes: list[Wake] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)

    def wake(self, topic: str, key: str, seq: int = 0) -> None:
        """Tell whoever watches, here and in other processes, once this is committed."""
        self.wakes.append(Wake(topic, key, seq))


class Database:
    """SQLite (one process) or PostgreSQL (many), by URL.

    `read` and `write` raise DatabaseUnavailable where the database does not answer. Both may be cancelled at any moment.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = engine.driver_url(url)
        self.dialect = self.url.get_backend_name()
        self.engine = (engine.sqlite if self.dialect == "sqlite" else engine.postgresql)(self.url, pool_size)
        self.counters = Counters()
        self.statements = Statements(self.counters)
        self._on_commit: list[Callable[[list[Wake]], None]] = []
        self._writing = asyncio.Lock() if self.dialect == "sqlite" else nullcontext()

    def on_commit(self, callback: Callable[[list[Wake]], None]) -> Callable[[], None]:
        """Call `callback` with the wakes of each committed transaction of this process; it must neither block nor raise.

        Returns what takes the callback off again.
        """
        self._on_commit.append(callback)
        return lambda: self._on_commit.remove(callback)

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[Transaction]:
        """A transaction. SQLite takes the write lock at once: a read that turns into a write late fails despite the busy timeout.

        On SQLite the writers of this process queue here, in order, rather than poll for the file's lock. `durable` False is for what is
        written often and may be lost with the machine's power: leases, presence, output, statistics. PostgreSQL's commits are durable.
        """
        async with (
            self._turn(),
            self._connected(begin="IMMEDIATE", durable=durable) as connection,
            connection.begin() as begun,
        ):
            self.counters.begin()
            await _begin_now(connection)
            transaction = Transaction(connection, self.statements, now=await clock(connection))
            yield transaction
            await _uninterrupted(self._commit(begun, transaction))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """A consistent view; nothing that is committed meanwhile shows in it."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.dialect == "postgresql" else {}
        async with self._connected(**options) as connection, connection.begin():
            self.counters.begin()
            await _begin_now(connection)
            yield Reader(connection, self.statements)

    @contextmanager
    def count_statements(self) -> Iterator[Counted]:
        """What runs on this database meanwhile, by either way; for tests."""
        counted = Counted()

        def count(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
            counted.statements.append(text)

        event.listen(self.engine.sync_engine, "before_cursor_execute", count)
        self.counters.running.append(counted)
        try:
            yield counted
        finally:
            self.counters.running.remove(counted)
            event.remove(self.engine.sync_engine, "before_cursor_execute", count)

    async def dedicated_connection(self) -> Any:
        """An asyncpg connection outside the pool, for LISTEN; the caller closes it."""
        return await engine.connect_postgresql(self.url)

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(engine.BUSY_TIMEOUT_SECONDS) as limit, self._writing:
                limit.reschedule(None)
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DatabaseUnavailable("Another write takes too long.") from error

    @asynccontextmanager
    async def _connected(self, **options: Any) -> AsyncIterator[AsyncConnection]:
        with db_errors.while_connecting():
            plain = await self.engine.connect()
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
            until = until or asyncio.get_running_loop().time() + LAST_WORK_SECONDS
        else:
            if cancelled and not task.done():
                task.cancel()
                raise cancelled
    if cancelled and (task.cancelled() or task.exception()):
        raise cancelled
    task.result()
    if cancelled:
        raise cancelled
