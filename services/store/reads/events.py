"""The event log as a list to look through (the live part reads it by `services.store.log`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, select

from services.domain.events import Kind, LoggedEvent
from services.rows.events import SHOWN_KINDS
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.db.query import Row
from services.store.log import EVENT_COLUMNS, logged
from services.store.reads.listing import Listing, Window
from services.store.tables import core

E = core.event.c
S = core.studio.c
ST = core.stream.c

COLUMNS = (E.stream_id, ST.epoch, *EVENT_COLUMNS)
KINDS = sorted(kind.value for kind in SHOWN_KINDS | {Kind.MEMBER_CHANGED})
"""What people read; the other kinds only wake what shows state."""


def _of_workspaces(*columns: Any) -> Select[Any]:
    shown = select(*columns).select_from(core.event).join(core.stream, ST.id == E.stream_id)
    return shown.where(E.kind.in_(KINDS), visible_to(E.stream_id))


def _of_studios(*columns: Any) -> Select[Any]:
    return _of_workspaces(*columns).join(core.studio, and_(S.id == E.studio_id, S.workspace_id == E.stream_id))


OF_WORKSPACES = {
    newest_first: Listing(_of_workspaces, COLUMNS, E.stream_id, E.seq, descending=newest_first) for newest_first in (True, False)
}
OF_STUDIOS = {newest_first: Listing(_of_studios, COLUMNS, E.studio_id, E.seq, descending=newest_first) for newest_first in (True, False)}


async def of_workspaces(
    reader: Reader, viewer_id: str, workspace_ids: Sequence[str], window: Window, newest_first: bool
) -> dict[str, list[LoggedEvent]]:
    """What happened in each workspace, by seq."""
    return _logged(await OF_WORKSPACES[newest_first].pages(reader, viewer_id, workspace_ids, window, {}))


async def of_studios(
    reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window, newest_first: bool
) -> dict[str, list[LoggedEvent]]:
    """What happened to each Studio, by seq."""
    return _logged(await OF_STUDIOS[newest_first].pages(reader, viewer_id, studio_ids, window, {}))


def _logged(found: Mapping[str, list[Row]]) -> dict[str, list[LoggedEvent]]:
    return {parent: [logged(raw[0], raw[1], raw[2 : len(COLUMNS)]) for raw in rows] for parent, rows in found.items()}


async def count_of_workspaces(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, int]:
    """How many events of each workspace are kept."""
    return await OF_WORKSPACES[True].count(reader, viewer_id, workspace_ids, {})


async def count_of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, int]:
    """How many events of each Studio are kept."""
    return await OF_STUDIOS[True].count(reader, viewer_id, studio_ids, {})
