"""Reads of checkpoints: the saved file systems of sessions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import FromClause, Integer, Select, bindparam, false, func, literal, select, true, union_all

from services.domain.names import name_key
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
INHERITED = core.inherited_checkpoint.c
ESCAPE = "\\"
ANY_NAME = "%"


def _record(source: FromClause) -> Record[CheckpointRow]:
    """Returns the record of checkpoints in a select that has the columns of the table, `position` and `is_inherited`."""
    c = source.c
    return Record(
        CheckpointRow,
        id=c.id,
        studio_id=c.studio_id,
        workspace_id=c.workspace_id,
        number=c.number,
        session_number=c.session_number,
        name=c.name,
        status=converted(CheckpointStatus, c.status),
        author_id=c.author_id,
        parent_id=c.parent_id,
        template_id=c.template_id,
        size=c.size,
        pause_seconds=c.pause_seconds,
        created_at=converted(utc_time, c.created_at),
        saved_at=nullable(utc_time, c.saved_at),
        deleted_at=nullable(utc_time, c.deleted_at),
        position=c.position,
        is_inherited=converted(bool, c.is_inherited),
        version=c.version,
    )


def _own(position: Any = C.number) -> Select[Any]:
    return select(*core.checkpoint.c, position.label("position"), false().label("is_inherited"), C.studio_id.label("list_studio_id"))


def _inherited() -> Select[Any]:
    listed = (C.id == INHERITED.checkpoint_id) & C.deleted_at.is_(None)
    columns = (
        (literal(0, Integer) - INHERITED.depth).label("position"),
        true().label("is_inherited"),
        INHERITED.studio_id.label("list_studio_id"),
    )
    return select(*core.checkpoint.c, *columns).join(core.inherited_checkpoint, listed)


SINGLE = _own().subquery()
SINGLE_RECORD = _record(SINGLE)
LISTED = union_all(_own().where(C.deleted_at.is_(None)), _inherited()).subquery()
"""The checkpoints of each Studio, the newest with the greatest position, and those that it inherited, from 0 downwards (B41)."""
LISTED_RECORD = _record(LISTED)


def _visible(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(SINGLE).where(visible_to(SINGLE.c.workspace_id))


def _in_list(*columns: Any) -> Select[Any]:
    matches = LISTED.c.name_key.like(bindparam("pattern"), escape=ESCAPE)
    return select(*columns).select_from(LISTED).where(visible_to(LISTED.c.workspace_id), matches)


def _newest() -> Select[Any]:
    """The newest saved checkpoint of each Studio (B10)."""
    c = SINGLE.c
    row_number = func.row_number().over(partition_by=c.studio_id, order_by=c.save_order.desc()).label("row_number")
    saved = _visible(*SINGLE_RECORD.columns, row_number).where(
        c.deleted_at.is_(None), c.status.in_(SAVED), is_one_of(c.studio_id, "studio_ids")
    )
    numbered = saved.subquery()
    return select(numbered).where(numbered.c.row_number == 1)


BY_ID = Query(_visible(*SINGLE_RECORD.columns).where(is_one_of(SINGLE.c.id, "ids")))
NEWEST = Query(_newest())
OF_STUDIO = Listing(_in_list, LISTED_RECORD, LISTED.c.list_studio_id, LISTED.c.position, descending=True)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, CheckpointRow]:
    """Returns the checkpoints that the viewer may see, by id; also those whose data was deleted, since others refer to them."""
    return SINGLE_RECORD.keyed(await reader.all(BY_ID, viewer_id=viewer_id, ids=ids), SINGLE.c.id)


async def newest(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, CheckpointRow]:
    """Returns the checkpoint that each Studio would start from, by the Studio's id."""
    return SINGLE_RECORD.keyed(await reader.all(NEWEST, viewer_id=viewer_id, studio_ids=studio_ids), SINGLE.c.studio_id)


async def pages(
    reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window, search: str | None
) -> dict[str, list[CheckpointRow]]:
    """Returns the checkpoints of each Studio whose names contain `search`: its own, the newest first, then those that it inherited."""
    return await OF_STUDIO.pages(reader, viewer_id, studio_ids, window, {"pattern": _pattern(search)})


async def count(reader: Reader, viewer_id: str, studio_ids: Sequence[str], search: str | None) -> dict[str, int]:
    """Returns the number of such checkpoints of each Studio that has any."""
    return await OF_STUDIO.count(reader, viewer_id, studio_ids, {"pattern": _pattern(search)})


def _pattern(search: str | None) -> str:
    """Returns the pattern of names that contain the text, whatever its case."""
    key = name_key(search or "")
    for character in (ESCAPE, "%", "_"):
        key = key.replace(character, ESCAPE + character)
    return f"%{key}%" if key else ANY_NAME
