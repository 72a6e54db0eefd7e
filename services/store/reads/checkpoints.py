"""Reads of checkpoints: the saved file systems of sessions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from services.domain.statuses import CheckpointStatus
from services.rows.studio import CheckpointRow
from services.store.access import visible_to
from services.store.checkpoints import SAVED
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import utc_time
from services.store.reads.listing import Listing, Window
from services.store.tables import core

C = core.checkpoint.c

CHECKPOINT_RECORD = Record(
    CheckpointRow,
    id=C.id,
    studio_id=C.studio_id,
    workspace_id=C.workspace_id,
    number=C.number,
    session_number=C.session_number,
    name=C.name,
    status=converted(CheckpointStatus, C.status),
    author_id=C.author_id,
    parent_id=C.parent_id,
    size=C.size,
    created_at=converted(utc_time, C.created_at),
    saved_at=nullable(utc_time, C.saved_at),
    deleted_at=nullable(utc_time, C.deleted_at),
    version=C.version,
)


def _visible(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(core.checkpoint).where(visible_to(C.workspace_id))


def _present(*columns: Any) -> Select[Any]:
    return _visible(*columns).where(C.deleted_at.is_(None))


def _newest() -> Select[Any]:
    """The newest saved checkpoint of each Studio (B10)."""
    row_number = func.row_number().over(partition_by=C.studio_id, order_by=C.save_order.desc()).label("row_number")
    saved = _present(*CHECKPOINT_RECORD.columns, row_number).where(C.status.in_(SAVED), is_one_of(C.studio_id, "studio_ids")).subquery()
    return select(saved).where(saved.c.row_number == 1)


BY_ID = Query(_visible(*CHECKPOINT_RECORD.columns).where(is_one_of(C.id, "ids")))
NEWEST = Query(_newest())
OF_STUDIO = Listing(_present, CHECKPOINT_RECORD, C.studio_id, C.number, descending=True)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, CheckpointRow]:
    """Returns the checkpoints that the viewer may see, by id; also those whose data was deleted, since others refer to them."""
    return CHECKPOINT_RECORD.keyed(await reader.all(BY_ID, viewer_id=viewer_id, ids=ids), C.id)


async def newest(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, CheckpointRow]:
    """Returns the checkpoint that each Studio would start from, by the Studio's id."""
    return CHECKPOINT_RECORD.keyed(await reader.all(NEWEST, viewer_id=viewer_id, studio_ids=studio_ids), C.studio_id)


async def pages(reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window) -> dict[str, list[CheckpointRow]]:
    """Returns the checkpoints of each Studio, the newest first, by number."""
    return await OF_STUDIO.pages(reader, viewer_id, studio_ids, window, {})


async def count(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, int]:
    """Returns the number of checkpoints of each Studio that has any."""
    return await OF_STUDIO.count(reader, viewer_id, studio_ids, {})
