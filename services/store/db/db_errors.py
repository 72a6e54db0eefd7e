"""Turns the drivers' errors about an unavailable database into one error of ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.runtime import metrics
from services.runtime.outage import ServiceOutage

UNAVAILABLE_SQLITE_MESSAGES = ("locked", "unable to open", "disk i/o", "is full", "readonly", "not a database", "image is malformed")
UNAVAILABLE_SQLSTATES = ("08", "53", "57P", "55P03", "40")
"""Beginnings of SQLSTATEs: connection lost, out of resources, shutting down, lock timeout, rolled back because of another transaction."""


class DatabaseUnavailable(ServiceOutage):
    """The database does not answer or cannot continue. The transaction is rolled back, unless it was being committed."""


@contextmanager
def while_connecting() -> Iterator[None]:
    """Turns every error into DatabaseUnavailable."""
    try:
        yield
    except DatabaseUnavailable:
        raise
    except Exception as error:
        raise _unavailable(error) from error


@contextmanager
def while_working() -> Iterator[None]:
    """Turns errors about a lost connection or database into DatabaseUnavailable; others, such as a violated constraint, pass."""
    try:
        yield
    except Exception as error:
        if _is_unavailable(error):
            raise _unavailable(error) from error
        raise


def _unavailable(error: Exception) -> DatabaseUnavailable:
    metrics.SQL_UNAVAILABLE.inc()
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if type(cause.__cause__).__name__ == "InternalClientError":  # asyncpg's, for a call after the server has ended the connection
        return DatabaseUnavailable("The database is not available: it ended the connection")
    return DatabaseUnavailable(f"The database is not available: {cause or type(cause).__name__}")


def _is_unavailable(error: BaseException | None) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_unavailable(error.orig)
    if isinstance(error, sqlite3.OperationalError):
        return any(word in str(error).lower() for word in UNAVAILABLE_SQLITE_MESSAGES)
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(UNAVAILABLE_SQLSTATES)
    closed = type(error).__name__ == "InterfaceError" and "closed" in str(error)  # its other uses are mistakes of ours
    return isinstance(error, PoolTimeout) or closed
