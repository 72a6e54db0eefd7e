"""Reads of the Studios of workspaces: filtered, sorted, counted."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, literal

from services.domain.names import name_key
from services.domain.statuses import StudioStatus
from services.rows.studio import StudioRow
from services.search.selection import StudioFilter, StudioOrder
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.types import UtcTime, utc_time
from services.store.reads.listing import Listing, Window
from services.store.reads.studios import STUDIO_RECORD, S, studios_of_viewer
from services.store.tables import core

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The time by which Studios that were never started are sorted."""

SORTS: Mapping[str, ColumnElement[Any]] = {
    "NAME": S.name_key,
    "STATUS": S.status,
    "CREATED": S.created_at,
    "LAST_STARTED": func.coalesce(S.last_started_at, literal(NEVER, UtcTime), type_=UtcTime),
    "STATUS_SINCE": S.status_since,
}

TIMES = frozenset({"CREATED", "LAST_STARTED", "STATUS_SINCE"})
"""The orders whose sort values are times; those of the others are text."""

SortedStudio = tuple[StudioRow, Any]
"""A Studio and its sort value."""

_CONNECTED = exists().where(core.connection.c.studio_id == S.id, core.connection.c.ended_at.is_(None))
_STAR = core.star.alias("viewer_star")
_STARRED = exists().where(_STAR.c.studio_id == S.id, _STAR.c.user_id == bindparam("viewer_id"))
_CONDITIONS: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "statuses": lambda: is_one_of(S.status, "statuses"),
    "owners": lambda: is_one_of(S.owner_id, "owners"),
    "templates": lambda: is_one_of(S.template_id, "templates"),
    "compute_environments": lambda: is_one_of(S.compute_environment_id, "compute_environments"),
    "starred": lambda: _STARRED,
    "not starred": lambda: ~_STARRED,
    "connected": lambda: _CONNECTED,
    "not connected": lambda: ~_CONNECTED,
    "name_contains": lambda: S.name_key.like(bindparam("name_contains"), escape="\\"),
}
Shape = tuple[str, ...]


def _shape(studio_filter: StudioFilter) -> Shape:
    """Returns the names of the conditions that the filter sets. There is one statement for each set of them."""
    lists = [name for name in ("statuses", "owners", "templates", "compute_environments") if getattr(studio_filter, name) is not None]
    switches = [
        name if getattr(studio_filter, name) else f"not {name}"
        for name in ("starred", "connected")
        if getattr(studio_filter, name) is not None
    ]
    text = ["name_contains"] if studio_filter.name_contains is not None else []
    return (*lists, *switches, *text)


def _params(studio_filter: StudioFilter) -> dict[str, Any]:
    lists = ("statuses", "owners", "templates", "compute_environments")
    params: dict[str, Any] = {
        name: [str(value) for value in getattr(studio_filter, name)] for name in lists if getattr(studio_filter, name) is not None
    }
    if studio_filter.name_contains is not None:
        params["name_contains"] = f"%{_literally(name_key(studio_filter.name_contains))}%"
    return params


def _literally(text: str) -> str:
    """Returns `text` as a LIKE pattern that matches only itself, with `\\` as escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _selected(shape: Shape) -> Callable[..., Select[Any]]:
    return lambda *columns: studios_of_viewer(columns).where(*(_CONDITIONS[name]() for name in shape))


def _unjoined(shape: Shape) -> Callable[..., Select[Any]]:
    """SQLite would sort all Studios of a workspace after it has joined them, for a page of twenty."""
    return lambda *columns: visible_studios(*columns).where(*(_CONDITIONS[name]() for name in shape))


@cache
def _listing(order: str, descending: bool, shape: Shape) -> Listing[StudioRow]:
    return Listing(_selected(shape), STUDIO_RECORD, S.workspace_id, SORTS[order], S.id, descending, unjoined=_unjoined(shape))


@cache
def _count_by_status(shape: Shape) -> Query:
    counted = _selected(shape)(S.workspace_id, S.status, func.count())
    return Query(counted.where(is_one_of(S.workspace_id, "parents")).group_by(S.workspace_id, S.status))


@cache
def _matching(shape: Shape) -> Query:
    return Query(_selected(shape)(*STUDIO_RECORD.columns).where(S.workspace_id == bindparam("workspace_id"), is_one_of(S.id, "ids")))


async def pages(
    reader: Reader, viewer_id: str, workspace_ids: Sequence[str], studio_filter: StudioFilter, order: StudioOrder, window: Window
) -> dict[str, list[SortedStudio]]:
    """Returns the Studios of each workspace, in order, each with its sort value."""
    listing = _listing(order.field, order.descending, _shape(studio_filter))
    pages = await listing.pages_with_sort_values(reader, viewer_id, workspace_ids, window, _params(studio_filter))
    value = utc_time if order.field in TIMES else str
    return {workspace_id: [(studio, value(stored)) for studio, stored in page] for workspace_id, page in pages.items()}


async def count(reader: Reader, viewer_id: str, workspace_ids: Sequence[str], studio_filter: StudioFilter) -> dict[str, int]:
    """Returns the number of Studios of each workspace that match the filter."""
    return await _listing("NAME", False, _shape(studio_filter)).count(reader, viewer_id, workspace_ids, _params(studio_filter))


async def count_by_status(
    reader: Reader, viewer_id: str, workspace_ids: Sequence[str], studio_filter: StudioFilter
) -> dict[str, dict[StudioStatus, int]]:
    """Returns the number of Studios of each workspace that match the filter, by status; statuses without Studios are left out."""
    rows = await reader.all(_count_by_status(_shape(studio_filter)), viewer_id=viewer_id, parents=workspace_ids, **_params(studio_filter))
    counts: dict[str, dict[StudioStatus, int]] = {workspace_id: {} for workspace_id in workspace_ids}
    for workspace_id, status, number in rows:
        counts[workspace_id][StudioStatus(status)] = number
    return counts


async def matching(
    reader: Reader, viewer_id: str, workspace_id: str, ids: Sequence[str], studio_filter: StudioFilter
) -> dict[str, StudioRow]:
    """Returns those of the Studios that the viewer sees in the workspace and that match the filter, by id."""
    rows = await reader.all(
        _matching(_shape(studio_filter)), viewer_id=viewer_id, workspace_id=workspace_id, ids=ids, **_params(studio_filter)
    )
    return STUDIO_RECORD.keyed(rows, S.id)
