"""Stores idempotency keys with the results that mutations returned under them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select

from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

T = core.idempotency_key.c


@dataclass(frozen=True, slots=True)
class ScopedKey:
    """An idempotency key; each user and each mutation has its own."""

    user_id: str
    mutation: str
    key: str


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """The result of the first run, and the hash of the input it ran with."""

    input_hash: str
    result: dict[str, Any]


RECORD = Record.of_table(RecordedResult, core.idempotency_key)


async def lock(transaction: Transaction, key: ScopedKey) -> None:
    """Locks the key until the transaction ends; it must be locked before anything else.

    The stream's lock is not enough, since a key can be used in two workspaces at once. On SQLite there is one writer anyway.
    """
    if transaction.connection.dialect.name == "postgresql":
        name = f"idempotency {key.user_id} {key.mutation} {key.key}"
        await transaction.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


async def find(reader: Reader, key: ScopedKey) -> RecordedResult | None:
    """Returns the result recorded under the key, or None."""
    where = (T.user_id == key.user_id) & (T.mutation == key.mutation) & (T.key == key.key)
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(where))).one_or_none())


async def record(transaction: Transaction, key: ScopedKey, input_hash: str, result: dict[str, Any]) -> None:
    """Records the result; `services.store.retention` keeps it for a day."""
    values = {"user_id": key.user_id, "mutation": key.mutation, "key": key.key, "input_hash": input_hash}
    await transaction.execute(insert(core.idempotency_key).values(**values, result=result, created_at=transaction.now))
