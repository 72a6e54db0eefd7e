"""What the runs of Studios saved."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from services.domain.statuses import CheckpointStatus
from services.rows.studio import CheckpointRow
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant, utc_time
from services.store.reads.listing import Listing, Window
from services.store.tables import core

C = core.checkpoint.c

COLUMNS = (
    C.id,
    C.studio_id,
    C.workspace_id,
    C.number,
    C.session_number,
    C.name,
    C.status,
    C.author_id,
    C.parent_id,
    C.size,
    C.created_at,
    C.saved_at,
    C.version,
)
SAVED = (CheckpointStatus.INTERIM.value, CheckpointStatus.FINALIZED.value)


def _visible(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(core.checkpoint).where(visible_to(C.workspace_id))


def _present(*columns: Any) -> Select[Any]:
    return _visible(*columns).where(C.deleted_at.is_(None))


def _newest() -> Select[Any]:
    """The newest saved checkpoint of each Studio (B10)."""
    place = func.row_number().over(partition_by=C.studio_id, order_by=C.number.desc()).label("place")
    saved = _present(*COLUMNS, place).where(C.status.in_(SAVED), is_one_of(C.studio_id, "studio_ids")).subquery()
    return select(*[saved.c[column.name] for column in COLUMNS]).where(saved.c.place == 1)


def _row(raw: Row) -> CheckpointRow:
    return CheckpointRow(
        id=raw[0],
        studio_id=raw[1],
        workspace_id=raw[2],
        number=raw[3],
        session_number=raw[4],
        name=raw[5],
        status=CheckpointStatus(raw[6]),
        author_id=raw[7],
        parent_id=raw[8],
        size=raw[9],
        created_at=instant(raw[10]),
        saved_at=utc_time(raw[11]),
        version=raw[12],
    )


BY_ID = Query(_visible(*COLUMNS).where(is_one_of(C.id, "ids")))
NEWEST = Query(_newest())
OF_STUDIO = Listing(_present, COLUMNS, C.studio_id, C.number, descending=True)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, CheckpointRow]:
    """Those that the viewer may see, by id; also those whose data was deleted, since others refer to them."""
    return {raw[0]: _row(raw) for raw in await reader.all(BY_ID, viewer_id=viewer_id, ids=ids)}


async def newest(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, CheckpointRow]:
    """What each Studio would start from, by the Studio's id."""
    return {raw[1]: _row(raw) for raw in await reader.all(NEWEST, viewer_id=viewer_id, studio_ids=studio_ids)}


async def pages(reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window) -> dict[str, list[CheckpointRow]]:
    """The checkpoints of each Studio, the newest first, by number."""
    found = await OF_STUDIO.pages(reader, viewer_id, studio_ids, window, {})
    return {parent: [_row(raw) for raw in rows] for parent, rows in found.items()}


async def count(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, int]:
    """How many checkpoints each Studio has."""
    return await OF_STUDIO.count(reader, viewer_id, studio_ids, {})
