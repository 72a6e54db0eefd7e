"""Reads of operations: the records of actions on Studios."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.domain.statuses import OperationKind, OperationState, StepState
from services.rows.people import OperationRow, StepRow
from services.store.access import visible_to
from services.store.converters import actor
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import json_value, utc_time
from services.store.tables import core

T = core.operation.c

OPERATION_RECORD = Record(
    OperationRow,
    id=T.id,
    workspace_id=T.workspace_id,
    studio_id=T.studio_id,
    studio_name=T.studio_name,
    kind=converted(OperationKind, T.kind),
    state=converted(OperationState, T.state),
    actor=converted(actor, T.actor),
    error=T.error,
    deadline=nullable(utc_time, T.deadline),
    created_at=converted(utc_time, T.created_at),
    ended_at=nullable(utc_time, T.ended_at),
    version=T.version,
)
BY_ID = Query(select(*OPERATION_RECORD.columns).where(is_one_of(T.id, "ids"), visible_to(T.workspace_id)))
STEPS = Query(select(T.id, T.steps).where(is_one_of(T.id, "ids"), visible_to(T.workspace_id)))


def _step(stored: dict[str, Any]) -> StepRow:
    return StepRow(stored["name"], StepState(stored["state"]), stored["message"], _time(stored["started_at"]), _time(stored["ended_at"]))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, OperationRow]:
    """Returns the operations that the viewer may see, by id."""
    return OPERATION_RECORD.keyed(await reader.all(BY_ID, viewer_id=viewer_id, ids=ids), T.id)


async def steps(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, list[StepRow]]:
    """Returns the steps of the operations that the viewer may see, by operation id."""
    rows = await reader.all(STEPS, viewer_id=viewer_id, ids=ids)
    return {operation_id: [_step(step) for step in json_value(stored)] for operation_id, stored in rows}
