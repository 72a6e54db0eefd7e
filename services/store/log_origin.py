"""Where the event log comes from, as the database tells and as it was recorded; new epochs for all streams when the two differ."""

import secrets

from sqlalchemy import select, text, update

from services.store.db.database import Reader, Transaction
from services.store.tables import core

POSTGRESQL_ORIGIN = text(
    "SELECT 'postgresql:' || (SELECT system_identifier FROM pg_control_system())"
    " || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8)"
    " || ':' || (SELECT oid FROM pg_database WHERE datname = current_database())"
    " || ':' || CAST(CAST('event' AS regclass) AS oid)"
)
"""Cluster, timeline, database and table: a promoted standby, a recovery to a point in time and a restored dump each change one of them."""


async def of_postgresql(reader: Reader) -> str:
    """Returns the origin of this PostgreSQL database's rows."""
    origin: str = (await reader.execute(POSTGRESQL_ORIGIN)).scalar_one()
    return origin


async def recorded(reader: Reader) -> str | None:
    """Returns the origin under which the present epochs were given; None before the first start of a version that records it."""
    return (await reader.execute(select(core.installation.c.log_origin))).scalar_one_or_none()


async def record(transaction: Transaction, origin: str) -> None:
    """Stores `origin` as that of the present epochs."""
    await transaction.execute(update(core.installation).values(log_origin=origin))


async def renew_epochs(transaction: Transaction) -> None:
    """Gives all streams a new epoch, so that every cursor of before is answered with Resync, and tells all running servers (B83)."""
    await transaction.execute(update(core.stream).values(epoch=secrets.token_hex(6)))
    transaction.wake("lost", "")
