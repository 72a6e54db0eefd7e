"""Reads what a Studio comes from and what was made from it, across Studios, in one statement each way (B36)."""

from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, func, select

from services.rows.studio import CheckpointRow, DerivedStudioRow
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record
from services.store.reads.checkpoints import SINGLE, SINGLE_RECORD
from services.store.tables import core

C = core.checkpoint.c
INHERITED = core.inherited_checkpoint.c
S = core.studio.c
MAX_DERIVED = 200
"""The number of Studios made from one Studio that are read; the newest first."""

ANCESTORS = Query(
    select(*SINGLE_RECORD.columns, INHERITED.studio_id)
    .join(core.inherited_checkpoint, INHERITED.checkpoint_id == SINGLE.c.id)
    .where(is_one_of(INHERITED.studio_id, "studio_ids"), visible_to(SINGLE.c.workspace_id))
    .order_by(INHERITED.depth)
)
_closest = (
    select(
        C.studio_id.label("source_id"),
        C.id.label("checkpoint_id"),
        INHERITED.studio_id.label("studio_id"),
        S.created_at,
        func.row_number().over(partition_by=(C.studio_id, INHERITED.studio_id), order_by=INHERITED.depth).label("closeness"),
    )
    .join(core.inherited_checkpoint, INHERITED.checkpoint_id == C.id)
    .join(core.studio, S.id == INHERITED.studio_id)
    .where(is_one_of(C.studio_id, "studio_ids"), visible_to(C.workspace_id))
    .subquery()
)
_derived = (
    select(
        _closest.c.source_id,
        _closest.c.checkpoint_id,
        _closest.c.studio_id,
        func.row_number()
        .over(partition_by=_closest.c.source_id, order_by=(_closest.c.created_at.desc(), _closest.c.studio_id))
        .label("row_number"),
    )
    .where(_closest.c.closeness == 1)
    .subquery()
)
DERIVED_RECORD = Record(DerivedStudioRow, _derived.c.source_id, studio_id=_derived.c.studio_id, checkpoint_id=_derived.c.checkpoint_id)
DERIVED = Query(
    select(*DERIVED_RECORD.columns).where(_derived.c.row_number <= bindparam("limit", type_=Integer)).order_by(_derived.c.row_number)
)


async def ancestors(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, list[CheckpointRow]]:
    """Returns the checkpoints that each Studio comes from, the nearest first; also those whose data was deleted."""
    rows = await reader.all(ANCESTORS, viewer_id=viewer_id, studio_ids=studio_ids)
    found: dict[str, list[CheckpointRow]] = {}
    for row in rows:
        found.setdefault(row[len(SINGLE_RECORD.columns)], []).append(SINGLE_RECORD.row(row))
    return found


async def derived_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, list[DerivedStudioRow]]:
    """Returns the Studios that were made from checkpoints of each Studio, or from such Studios; at most MAX_DERIVED, the newest first."""
    rows = await reader.all(DERIVED, viewer_id=viewer_id, studio_ids=studio_ids, limit=MAX_DERIVED)
    return DERIVED_RECORD.grouped(rows, _derived.c.source_id)
