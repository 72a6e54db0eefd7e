"""Lists under parents, page by page: one statement for any number of parents, by keyset (docs/architecture.md#contract-habits).

Places are compared by (sort value, id): rows that come or go meanwhile shift nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select, tuple_

from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` rows a parent, after the place (`value`, `id`) if `after` is set."""

    limit: int
    after: tuple[Any, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """How a list is read. `base` makes the select of given columns, with its joins and the viewer's visibility.

    `id` settles the order of equal sort values; None = they are unique under a parent.
    """

    base: Callable[..., Select[Any]]
    columns: tuple[ColumnElement[Any], ...]
    parent: ColumnElement[Any]
    sort: ColumnElement[Any]
    id: ColumnElement[Any] | None = None
    descending: bool = False
    _queries: dict[tuple[bool, bool] | None, Query] = field(default_factory=dict)
    """Made once each: by whether there are many parents and a place to go on from; None = the counting one."""

    async def pages(
        self, reader: Reader, viewer_id: str, parents: Sequence[str], window: Window, params: Mapping[str, Any]
    ) -> dict[str, list[Row]]:
        """The raw rows of each parent, in order: `columns`, then the parent, then the sort value."""
        query = self._query(len(parents) > 1, window.after is not None)
        given = dict(params) if window.after is None else {**params, "after_value": window.after[0], "after_id": window.after[1]}
        found: dict[str, list[Row]] = {parent: [] for parent in parents}
        for raw in await reader.all(query, viewer_id=viewer_id, parents=parents, parent=parents[0], limit=window.limit, **given):
            found[raw[len(self.columns)]].append(raw)
        return found

    async def count(self, reader: Reader, viewer_id: str, parents: Sequence[str], params: Mapping[str, Any]) -> dict[str, int]:
        """How many rows each parent has; one that has none is left out."""
        rows = await reader.all(self.count_query(), viewer_id=viewer_id, parents=parents, **params)
        return {raw[0]: raw[1] for raw in rows}

    def count_query(self) -> Query:
        """The number of rows of each parent of `:parents`."""
        known = self._queries.get(None)
        if known is None:
            counted = self.base(self.parent, func.count()).where(is_one_of(self.parent, "parents")).group_by(self.parent)
            known = self._queries[None] = Query(counted)
        return known

    def _query(self, many: bool, after: bool) -> Query:
        known = self._queries.get((many, after))
        if known is None:
            known = self._queries[many, after] = Query(self._select(many, after))
        return known

    def _select(self, many: bool, after: bool) -> Select[Any]:
        """One parent ends at the limit by an index; many are numbered within each parent."""
        sort = self.sort.label("sort_value")
        columns = [self.sort] if self.id is None else [self.sort, self.id]
        places = [column.desc() if self.descending else column.asc() for column in columns]
        limit = bindparam("limit", type_=Integer)
        statement = self.base(*self.columns, self.parent.label("parent"), sort)
        if after:
            statement = statement.where(self._beyond())
        if not many:
            return statement.where(self.parent == bindparam("parent")).order_by(*places).limit(limit)
        place = func.row_number().over(partition_by=self.parent, order_by=places).label("place")
        numbered = statement.add_columns(place).where(is_one_of(self.parent, "parents")).subquery()
        return select(numbered).where(numbered.c.place <= limit).order_by(numbered.c.place)

    def _beyond(self) -> ColumnElement[bool]:
        here: ColumnElement[Any] = self.sort
        there: ColumnElement[Any] = bindparam("after_value", type_=self.sort.type)
        if self.id is not None:
            here, there = tuple_(here, self.id), tuple_(there, bindparam("after_id", type_=self.id.type))
        return here < there if self.descending else here > there
