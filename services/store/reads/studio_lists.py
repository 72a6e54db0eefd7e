"""The Studios of workspaces: selected, sorted, counted."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, literal

from services.domain.names import name_key
from services.domain.statuses import StudioStatus
from services.rows.studio import StudioRow
from services.search.selection import StudioFilter, StudioOrder
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.types import UtcTime, utc_time
from services.store.reads.listing import Listing, Window
from services.store.reads.studios import STUDIO_RECORD, S, studios_of_viewer
from services.store.tables import core

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Where what never happened is sorted."""

SORTS: Mapping[str, ColumnElement[Any]] = {
    "NAME": S.name_key,
    "STATUS": S.status,
    "CREATED": S.created_at,
    "LAST_STARTED": func.coalesce(S.last_started_at, literal(NEVER, UtcTime), type_=UtcTime),
    "STATUS_SINCE": S.status_since,
}

TIMES = frozenset({"CREATED", "LAST_STARTED", "STATUS_SINCE"})
"""The orders whose values are times; those of the others are text."""

Placed = tuple[StudioRow, Any]
"""A Studio, and its value in the order."""

_CONNECTED = exists().where(core.connection.c.studio_id == S.id, core.connection.c.ended_at.is_(None))
_CONDITIONS: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "statuses": lambda: is_one_of(S.status, "statuses"),
    "owners": lambda: is_one_of(S.owner_id, "owners"),
    "templates": lambda: is_one_of(S.template_id, "templates"),
    "compute_environments": lambda: is_one_of(S.compute_environment_id, "compute_environments"),
    "starred": lambda: core.star.c.user_id.is_not(None),
    "not starred": lambda: core.star.c.user_id.is_(None),
    "connected": lambda: _CONNECTED,
    "not connected": lambda: ~_CONNECTED,
    "name_contains": lambda: S.name_key.like(bindparam("name_contains"), escape="\\"),
}
Shape = tuple[str, ...]


def _shape(wanted: StudioFilter) -> Shape:
    """The conditions that the filter sets: a statement is made once for each such set."""
    lists = [name for name in ("statuses", "owners", "templates", "compute_environments") if getattr(wanted, name) is not None]
    switches = [name if getattr(wanted, name) else f"not {name}" for name in ("starred", "connected") if getattr(wanted, name) is not None]
    text = ["name_contains"] if wanted.name_contains is not None else []
    return (*lists, *switches, *text)


def _params(wanted: StudioFilter) -> dict[str, Any]:
    lists = ("statuses", "owners", "templates", "compute_environments")
    params: dict[str, Any] = {name: [str(v) for v in getattr(wanted, name)] for name in lists if getattr(wanted, name) is not None}
    if wanted.name_contains is not None:
        params["name_contains"] = f"%{_literally(name_key(wanted.name_contains))}%"
    return params


def _literally(text: str) -> str:
    """`text` for a LIKE with `\\` as escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _selected(shape: Shape) -> Callable[..., Select[Any]]:
    return lambda *columns: studios_of_viewer(columns).where(*(_CONDITIONS[name]() for name in shape))


@cache
def _listing(order: str, descending: bool, shape: Shape) -> Listing[StudioRow]:
    return Listing(_selected(shape), STUDIO_RECORD, S.workspace_id, SORTS[order], S.id, descending)


@cache
def _count_by_status(shape: Shape) -> Query:
    counted = _selected(shape)(S.workspace_id, S.status, func.count())
    return Query(counted.where(is_one_of(S.workspace_id, "parents")).group_by(S.workspace_id, S.status))


@cache
def _matching(shape: Shape) -> Query:
    return Query(_selected(shape)(*STUDIO_RECORD.columns).where(S.workspace_id == bindparam("workspace_id"), is_one_of(S.id, "ids")))


async def pages(
    reader: Reader, viewer_id: str, workspace_ids: Sequence[str], wanted: StudioFilter, order: StudioOrder, window: Window
) -> dict[str, list[Placed]]:
    """For each workspace its Studios in order, each with its sort value."""
    listing = _listing(order.field, order.descending, _shape(wanted))
    pages = await listing.pages_with_sort_values(reader, viewer_id, workspace_ids, window, _params(wanted))
    value = utc_time if order.field in TIMES else str
    return {workspace_id: [(studio, value(stored)) for studio, stored in page] for workspace_id, page in pages.items()}


async def count(reader: Reader, viewer_id: str, workspace_ids: Sequence[str], wanted: StudioFilter) -> dict[str, int]:
    """How many Studios of each workspace match."""
    return await _listing("NAME", False, _shape(wanted)).count(reader, viewer_id, workspace_ids, _params(wanted))


async def count_by_status(
    reader: Reader, viewer_id: str, workspace_ids: Sequence[str], wanted: StudioFilter
) -> dict[str, dict[StudioStatus, int]]:
    """How many Studios of each workspace match, by status; statuses that none has are left out."""
    rows = await reader.all(_count_by_status(_shape(wanted)), viewer_id=viewer_id, parents=workspace_ids, **_params(wanted))
    counts: dict[str, dict[StudioStatus, int]] = {workspace_id: {} for workspace_id in workspace_ids}
    for workspace_id, status, number in rows:
        counts[workspace_id][StudioStatus(status)] = number
    return counts


async def matching(reader: Reader, viewer_id: str, workspace_id: str, ids: Sequence[str], wanted: StudioFilter) -> dict[str, StudioRow]:
    """Those of `ids` that the viewer sees in the workspace and that match, by id."""
    rows = await reader.all(_matching(_shape(wanted)), viewer_id=viewer_id, workspace_id=workspace_id, ids=ids, **_params(wanted))
    return STUDIO_RECORD.keyed(rows, S.id)
