"""The keys under which mutations were answered."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select

from services.store.db.database import Reader, Transaction
from services.store.tables import core

T = core.idempotency_key.c


@dataclass(frozen=True, slots=True)
class Use:
    """A key is its user's own, and each mutation's own."""

    user_id: str
    mutation: str
    key: str


@dataclass(frozen=True, slots=True)
class Recorded:
    input_hash: str
    result: dict[str, Any]


async def hold(transaction: Transaction, use: Use) -> None:
    """Let no other transaction use the key until this one ends; taken before all other locks.

    The stream's lock is not enough, since a key can be used in two workspaces at once. On SQLite there is one writer anyway.
    """
    if transaction.connection.dialect.name == "postgresql":
        name = f"idempotency {use.user_id} {use.mutation} {use.key}"
        await transaction.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


async def find(reader: Reader, use: Use) -> Recorded | None:
    """What was answered under the key, if anything."""
    where = (T.user_id == use.user_id) & (T.mutation == use.mutation) & (T.key == use.key)
    row = (await reader.execute(select(T.input_hash, T.result).where(where))).one_or_none()
    return Recorded(row.input_hash, row.result) if row else None


async def record(transaction: Transaction, use: Use, input_hash: str, result: dict[str, Any]) -> None:
    """Note the answer; kept for a day (`services.store.retention`)."""
    values = {"user_id": use.user_id, "mutation": use.mutation, "key": use.key, "input_hash": input_hash}
    await transaction.execute(insert(core.idempotency_key).values(**values, result=result, created_at=transaction.now))
