"""Stores operations: the records of actions on Studios."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

T = core.operation.c


@dataclass(frozen=True, slots=True)
class OperationState:
    """The columns of an operation that commands and the controller need. `steps` is as in `services.studios.progress`."""

    id: str
    kind: str
    state: str
    actor: dict[str, Any]
    steps: list[dict[str, Any]]
    deadline: datetime | None


RECORD = Record.of_table(OperationState, core.operation)


async def find(reader: Reader, operation_id: str) -> OperationState | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(T.id == operation_id))).one_or_none())


async def add(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.operation).values(**values, created_at=transaction.now))


async def change(transaction: Transaction, operation_id: str, **values: Any) -> None:
    """Writes columns that a reader can see, and increments `version`."""
    await transaction.execute(update(core.operation).where(T.id == operation_id).values(**values, version=T.version + 1))
