"""When the database itself is the trouble: one clear error, whatever the driver says."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

SQLITE_TROUBLE = ("locked", "unable to open", "disk i/o", "is full", "readonly", "not a database", "image is malformed")
POSTGRESQL_TROUBLE = ("08", "53", "57P", "55P03", "40")
"""Beginnings of SQLSTATEs: connection lost, out of resources, shutting down, a lock too long waited for, rolled back for another."""


class DatabaseUnavailable(Exception):
    """The database does not answer, or cannot go on. What was being written is not, unless it was just being committed."""


@contextmanager
def while_connecting() -> Iterator[None]:
    """Whatever goes wrong, the database is unavailable."""
    try:
        yield
    except DatabaseUnavailable:
        raise
    except Exception as error:
        raise _unavailable(error) from error


@contextmanager
def while_working() -> Iterator[None]:
    """Only what says that the connection or the database is gone; a broken constraint is its cause's business."""
    try:
        yield
    except Exception as error:
        if _is_trouble(error):
            raise _unavailable(error) from error
        raise


def _unavailable(error: Exception) -> DatabaseUnavailable:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return DatabaseUnavailable(f"The database is not available: {cause or type(cause).__name__}")


def _is_trouble(error: BaseException | None) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_trouble(error.orig)
    if isinstance(error, sqlite3.OperationalError):
        return any(word in str(error).lower() for word in SQLITE_TROUBLE)
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(POSTGRESQL_TROUBLE)
    closed = type(error).__name__ == "InterfaceError" and "closed" in str(error)  # its other uses are mistakes of ours
    return isinstance(error, PoolTimeout) or closed
