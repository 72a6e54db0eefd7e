"""The tables of operations and idempotency keys."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from services.domain.limits import MAX_IDEMPOTENCY_KEY_LENGTH
from services.domain.statuses import OperationState
from services.store.tables import columns


class Operation(SQLModel, table=True):
    """One action on a Studio and its outcome. `steps` is a list of {name, state, message, started_at, ended_at} (B84)."""

    __table_args__ = (columns.one_of("state", OperationState),)

    id: str = columns.key()
    workspace_id: str = columns.reference("workspace.id")
    studio_id: str = Field(max_length=32, index=True)
    studio_name: str = columns.text()
    kind: str = Field(max_length=16)
    state: str = Field(max_length=16)
    actor: Any = columns.json()
    steps: Any = columns.json()
    error: str | None = columns.text(nullable=True)
    deadline: datetime | None = columns.time(nullable=True)
    created_at: datetime = columns.time()
    ended_at: datetime | None = columns.time(nullable=True, index=True)
    version: int = 1


class IdempotencyKey(SQLModel, table=True):
    """The result of a mutation under a key (B95): `result` holds ids, which a repetition reads again; `input_hash` shows misuse."""

    user_id: str = Field(primary_key=True, max_length=32)
    mutation: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=MAX_IDEMPOTENCY_KEY_LENGTH)
    input_hash: str = Field(max_length=64)
    result: Any = columns.json()
    created_at: datetime = columns.time(index=True)
