"""Reads of the event log as lists of workspaces and Studios; `services.store.log` has the reads of the live streams."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from services.domain.events import LoggedEvent
from services.rows.audit import AUDIT_KINDS
from services.rows.events import SHOWN_KINDS
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.log import EVENT_RECORD
from services.store.reads.listing import Listing, Window
from services.store.tables import core

E = core.event.c
S = core.studio.c
ST = core.stream.c

KINDS = sorted(kind.value for kind in SHOWN_KINDS | AUDIT_KINDS)
"""The kinds that the lists contain; those of the others only announce that a state has changed."""


def _of_workspaces(*columns: Any) -> Select[Any]:
    joined = core.event.join(core.stream, ST.id == E.stream_id)
    return select(*columns).select_from(joined).where(E.kind.in_(KINDS), visible_to(E.stream_id))


def _of_studios(*columns: Any) -> Select[Any]:
    return _of_workspaces(*columns).join(core.studio, and_(S.id == E.studio_id, S.workspace_id == E.stream_id))


OF_WORKSPACES = {
    newest_first: Listing(_of_workspaces, EVENT_RECORD, E.stream_id, E.seq, descending=newest_first) for newest_first in (True, False)
}
_STREAM_OF_STUDIO = select(S.workspace_id).where(S.id == bindparam("parent")).scalar_subquery()
OF_STUDIOS = {
    newest_first: Listing(_of_studios, EVENT_RECORD, E.studio_id, E.seq, descending=newest_first, of_one=E.stream_id == _STREAM_OF_STUDIO)
    for newest_first in (True, False)
}


async def of_workspaces(
    reader: Reader, viewer_id: str, workspace_ids: Sequence[str], window: Window, newest_first: bool
) -> dict[str, list[LoggedEvent]]:
    """Returns the events of each workspace, by seq."""
    return await OF_WORKSPACES[newest_first].pages(reader, viewer_id, workspace_ids, window, {})


async def of_studios(
    reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window, newest_first: bool
) -> dict[str, list[LoggedEvent]]:
    """Returns the events of each Studio, by seq."""
    return await OF_STUDIOS[newest_first].pages(reader, viewer_id, studio_ids, window, {})


async def count_of_workspaces(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, int]:
    """Returns the number of events of each workspace that are in the log."""
    return await OF_WORKSPACES[True].count(reader, viewer_id, workspace_ids, {})


async def count_of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, int]:
    """Returns the number of events of each Studio that are in the log."""
    return await OF_STUDIOS[True].count(reader, viewer_id, studio_ids, {})
