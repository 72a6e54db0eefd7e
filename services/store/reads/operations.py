"""The records of actions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.domain.actor import Actor
from services.domain.statuses import OperationKind, OperationState, StepState
from services.rows.people import OperationRow, StepRow
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant, json_value, utc_time
from services.store.tables import core

T = core.operation.c

BY_ID = Query(
    select(
        T.id,
        T.workspace_id,
        T.studio_id,
        T.studio_name,
        T.kind,
        T.state,
        T.actor,
        T.error,
        T.deadline,
        T.created_at,
        T.ended_at,
        T.version,
    ).where(is_one_of(T.id, "ids"), visible_to(T.workspace_id))
)
STEPS = Query(select(T.id, T.steps).where(is_one_of(T.id, "ids"), visible_to(T.workspace_id)))


def _operation(raw: Row) -> OperationRow:
    return OperationRow(
        id=raw[0],
        workspace_id=raw[1],
        studio_id=raw[2],
        studio_name=raw[3],
        kind=OperationKind(raw[4]),
        state=OperationState(raw[5]),
        actor=Actor.from_json(json_value(raw[6])),
        error=raw[7],
        deadline=utc_time(raw[8]),
        created_at=instant(raw[9]),
        ended_at=utc_time(raw[10]),
        version=raw[11],
    )


def _step(stored: dict[str, Any]) -> StepRow:
    return StepRow(stored["name"], StepState(stored["state"]), stored["message"], _time(stored["started_at"]), _time(stored["ended_at"]))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, OperationRow]:
    """Operations the viewer may see, by id."""
    return {raw[0]: _operation(raw) for raw in await reader.all(BY_ID, viewer_id=viewer_id, ids=ids)}


async def steps(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, list[StepRow]]:
    """Their steps, by operation id."""
    rows = await reader.all(STEPS, viewer_id=viewer_id, ids=ids)
    return {raw[0]: [_step(stored) for stored in json_value(raw[1])] for raw in rows}
