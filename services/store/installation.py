"""Stores the installation: one row."""

from sqlalchemy import insert, select, text, update

from services.domain.ids import new_id
from services.store.db.database import Reader, Transaction
from services.store.tables import core

LOCK = 7_305_164_002
"""The number of PostgreSQL's advisory lock under which the row is added, since several processes may start together."""


async def find(reader: Reader) -> str | None:
    return (await reader.execute(select(core.installation.c.id))).scalar_one_or_none()


async def create(transaction: Transaction) -> str:
    installation_id = new_id()
    await transaction.execute(insert(core.installation).values(id=installation_id, created_at=transaction.now))
    return installation_id


async def key_proof(reader: Reader) -> str | None:
    """Returns the text that was sealed with the installation's key; None before the first start."""
    return (await reader.execute(select(core.installation.c.key_proof))).scalar_one_or_none()


async def set_key_proof(transaction: Transaction, sealed: str) -> None:
    await transaction.execute(update(core.installation).values(key_proof=sealed))


async def lock(transaction: Transaction) -> None:
    """Takes the lock until the end of the transaction. SQLite has one writer anyway."""
    if transaction.connection.dialect.name == "postgresql":
        await transaction.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
