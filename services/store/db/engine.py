"""Connects to SQLite and PostgreSQL."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_TIMEOUT_SECONDS = 15
"""The time that a writer waits for the lock of another one."""
PRIVATE_MODE = 0o600
CONNECT_TIMEOUT_SECONDS = 10
COMMAND_TIMEOUT_SECONDS = 60
IDLE_TRANSACTION_SECONDS = 10
"""PostgreSQL ends a transaction that does nothing for so long, as that of a frozen process: its locks stop everybody. Less than a lease."""

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
DURABLE, NOT_DURABLE = "synchronous=FULL", "synchronous=NORMAL"
"""SQLite's setting for a transaction that is on the disk when it is committed (2.4 ms here, 0.1 ms otherwise), with all before it."""
PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}", "journal_mode=WAL", NOT_DURABLE, "foreign_keys=ON")

POSTGRESQL_LIMITS = {
    "timeout": CONNECT_TIMEOUT_SECONDS,
    "server_settings": {
        "application_name": "studiograph",
        "lock_timeout": f"{BUSY_TIMEOUT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_SECONDS}s",
    },
}


def driver_url(url: str) -> URL:
    """Returns `url` with the asynchronous driver that we use."""
    parsed = make_url(url)
    return parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))


def sqlite(url: URL, pool_size: int) -> AsyncEngine:
    """Returns an engine for SQLite. Each connection has a thread: `pool_size` of them, and as many more under load."""

    async def connect() -> aiosqlite.Connection:
        return await open_sqlite(url.database or ":memory:")

    reset = {"pool_reset_on_return": None}  # each transaction is ended where it began: a second ROLLBACK would cost a thread hop
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=pool_size, async_creator=connect, **reset)

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        run = connection.connection.dbapi_connection.run_async
        synchronous = DURABLE if options.get("durable") else NOT_DURABLE
        if options.get("begin") == "IMMEDIATE" and connection.info.get("synchronous", NOT_DURABLE) != synchronous:
            run(lambda driver: driver.execute_fetchall(f"PRAGMA {synchronous}"))
            connection.info["synchronous"] = synchronous
        run(lambda driver: driver.execute_fetchall(f"BEGIN {options.get('begin', 'DEFERRED')}"))

    return engine


class _RollbackOnClose(sqlite3.Connection):
    """A connection that releases its locks when it is closed.

    SQLite by itself keeps them for as long as a cursor of the closed connection lives, if only in a traceback; and SQLAlchemy closes
    a connection whose work was cancelled without a ROLLBACK. Then every other writer would wait in vain.
    """

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


async def open_sqlite(path: str) -> aiosqlite.Connection:
    """Opens a connection. If that fails, its thread ends.

    The driver's own transactions are off (`isolation_level`): it would begin late, and deferred. We say BEGIN ourselves.
    """
    _make_private(path)
    connection = aiosqlite.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, factory=_RollbackOnClose)
    connection._thread.daemon = True  # as SQLAlchemy does: a forgotten connection must not keep the process alive
    try:
        await connection
        for pragma in PRAGMAS:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        connection._thread.join()  # it has nothing left to do
        raise
    return connection


def _make_private(path: str) -> None:
    """Lets no other user read the database, whatever the directory allows. SQLite gives its log the mode of the database.

    A file that exists is never opened here: to close it would release the locks of all this process's connections to it, since those
    belong to the process, and another process would then delete the log that is in use (sqlite.org/howtocorrupt.html, 2.2).
    """
    if path == ":memory:" or path.startswith("file:"):
        return
    if not Path(path).exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_MODE))
    for file in (Path(path), Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError, PermissionError):  # a file of another user is the business of that user
            if file.stat().st_mode & 0o077:
                file.chmod(PRIVATE_MODE)


def postgresql(url: URL, pool_size: int) -> AsyncEngine:
    """Returns an engine for PostgreSQL. Connections that were lost while idle are replaced without asking the server."""
    connect_args = {**POSTGRESQL_LIMITS, "command_timeout": COMMAND_TIMEOUT_SECONDS}
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=pool_size, connect_args=connect_args)

    @event.listens_for(engine.sync_engine, "checkout")
    def still_open(connection: Any, _record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine


async def connect_postgresql(url: URL) -> Any:
    """Opens a connection outside of the pool, to the same database."""
    import asyncpg  # only with PostgreSQL: it costs memory and start-up time

    dialect: Any = url.get_dialect()()
    _, connect_args = dialect.create_connect_args(url)
    return await asyncpg.connect(**connect_args, **POSTGRESQL_LIMITS)
