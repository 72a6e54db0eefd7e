"""Operations: the records of actions on Studios."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from services.store.db.database import Reader, Transaction
from services.store.tables import core

T = core.operation.c


@dataclass(frozen=True, slots=True)
class OperationState:
    """An operation's row; `steps` as in `services.studios.progress`."""

    id: str
    kind: str
    state: str
    actor: dict[str, Any]
    steps: list[dict[str, Any]]
    deadline: datetime | None


COLUMNS = [T[field.name] for field in fields(OperationState)]


async def find(reader: Reader, operation_id: str) -> OperationState | None:
    row = (await reader.execute(select(*COLUMNS).where(T.id == operation_id))).one_or_none()
    return OperationState(**row._mapping) if row else None


async def add(transaction: Transaction, values: dict[str, Any]) -> None:
    await transaction.execute(insert(core.operation).values(**values, created_at=transaction.now))


async def change(transaction: Transaction, operation_id: str, **values: Any) -> None:
    """Write columns that a reader can see: bumps `version`."""
    await transaction.execute(update(core.operation).where(T.id == operation_id).values(**values, version=T.version + 1))
