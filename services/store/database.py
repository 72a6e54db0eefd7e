"""The database: transactions that write, consistent reads, and what happens on commit."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Executable, event, text
from sqlalchemy.engine import CursorResult, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.store.query import Query, Row, Statements
from services.store.types import utc_time

BUSY_TIMEOUT_MS = 10_000
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


@dataclass(frozen=True, slots=True)
class Wake:
    """A hint to look: `topic` is `stream` (key = stream id, seq = its head) or `studio` (key = Studio id: work for the controller)."""

    topic: str
    key: str
    seq: int = 0


@dataclass(slots=True)
class Reader:
    """One consistent view of the data: all its reads see the same moment."""

    connection: AsyncConnection
    statements: Statements

    async def all(self, query: Query, **params: Any) -> list[Row]:
        """Rows of a prepared query, straight from the raw driver (times and JSON unconverted: see `services.store.types`)."""
        return await self.statements.fetch(self.connection, query, params)

    async def one(self, query: Query, **params: Any) -> Row | None:
        rows = await self.all(query, **params)
        return rows[0] if rows else None

    async def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """A SQLAlchemy Core statement; for writes and rare reads."""
        return cast("CursorResult[Any]", await self.connection.execute(statement, params))


@dataclass(slots=True)
class Transaction(Reader):
    """A write: all of it or nothing. `now` is the database's clock at its start, one instant for everything written."""

    now: datetime
    wakes: list[Wake] = field(default_factory=list)

    def wake(self, topic: str, key: str, seq: int = 0) -> None:
        """Tell whoever watches, here and in other processes, once this is committed."""
        self.wakes.append(Wake(topic, key, seq))


class Database:
    """SQLite (one process) or PostgreSQL (many), by URL."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        parsed = make_url(url)
        parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
        self.dialect = parsed.get_backend_name()
        self.url = parsed
        self.statements = Statements()
        self._on_commit: list[Callable[[list[Wake]], None]] = []
        self.engine = self._sqlite(parsed) if self.dialect == "sqlite" else self._postgresql(parsed, pool_size)

    @staticmethod
    def _sqlite(url: Any) -> AsyncEngine:
        engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

        @event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin late, and deferred
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Any) -> None:
            mode = connection.get_execution_options().get("begin", "DEFERRED")
            connection.exec_driver_sql(f"BEGIN {mode}")

        return engine

    @staticmethod
    def _postgresql(url: Any, pool_size: int) -> AsyncEngine:
        return create_async_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)

    def on_commit(self, callback: Callable[[list[Wake]], None]) -> None:
        """Call `callback` with the wakes of each committed transaction of this process. It must not block."""
        self._on_commit.append(callback)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction. SQLite takes the write lock at once: a read that turns into a write late fails despite the busy timeout."""
        async with self.engine.connect() as plain:
            connection = await plain.execution_options(begin="IMMEDIATE")
            async with connection.begin():
                transaction = Transaction(connection, self.statements, now=await self._now(connection))
                yield transaction
                await self._notify(transaction)
        for callback in self._on_commit:
            if transaction.wakes:
                callback(transaction.wakes)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """A consistent view; nothing that is committed meanwhile shows in it."""
        async with self.engine.connect() as plain:
            options = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
            connection = await plain.execution_options(**options)
            async with connection.begin():
                yield Reader(connection, self.statements)

    async def now(self, reader: Reader) -> datetime:
        """The database's clock: the one that every decision about time uses."""
        return await self._now(reader.connection)

    async def _now(self, connection: AsyncConnection) -> datetime:
        if self.dialect == "sqlite":
            return datetime.now(UTC)  # in-process: its clock is ours
        moment = utc_time((await connection.execute(text("SELECT clock_timestamp()"))).scalar_one())
        assert moment is not None
        return moment

    async def _notify(self, transaction: Transaction) -> None:
        if self.dialect != "postgresql":
            return
        for wake in dict.fromkeys(transaction.wakes):
            message = f"{wake.topic} {wake.key} {wake.seq}"
            await transaction.execute(text("SELECT pg_notify('studiograph', :message)"), {"message": message})

    async def close(self) -> None:
        await self.engine.dispose()
