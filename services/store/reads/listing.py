"""Lists under parents, page by page: one statement for any number of parents, by keyset (docs/architecture.md#contract-habits).

Positions are compared by (sort value, id): rows that come or go between two pages shift nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select, tuple_

from services.store.db.database import Reader
from services.store.db.query import IsSelected, Query, Row, is_one_of
from services.store.db.record import Record, T


@dataclass(frozen=True, slots=True)
class Window:
    """A page to read: at most `limit` rows of each parent, after the row with this (sort value, id) if `after` is set."""

    limit: int
    after: tuple[Any, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Generic[T]):
    """Reads lists of rows of one class under parents. `base` returns the select of its arguments, joined and restricted to the viewer.

    `id` settles the order of equal sort values; None if they are unique under a parent. `of_one` is a further condition for a list of
    one parent, the parameter `parent`, where an index that gives the order begins with another column. `unjoined` returns the select of
    its arguments over the same rows without joins: a page of one parent is chosen from it, and joined afterwards.
    """

    base: Callable[..., Select[Any]]
    record: Record[T]
    parent: ColumnElement[Any]
    sort: ColumnElement[Any]
    id: ColumnElement[Any] | None = None
    descending: bool = False
    of_one: ColumnElement[bool] | None = None
    unjoined: Callable[..., Select[Any]] | None = None
    _queries: dict[tuple[bool, bool] | None, Query] = field(default_factory=dict)
    """The statements made so far, by whether there are many parents and whether the page is a later one; None: the one that counts."""

    async def pages(
        self, reader: Reader, viewer_id: str, parents: Sequence[str], window: Window, params: Mapping[str, Any]
    ) -> dict[str, list[T]]:
        """Returns the objects of each parent, in order."""
        pages = await self._pages(reader, viewer_id, parents, window, params)
        return {parent: self.record.rows(rows) for parent, rows in pages.items()}

    async def pages_with_sort_values(
        self, reader: Reader, viewer_id: str, parents: Sequence[str], window: Window, params: Mapping[str, Any]
    ) -> dict[str, list[tuple[T, Any]]]:
        """Returns the objects of each parent, in order, each with its sort value as the raw driver gives it."""
        make, sort = self.record.row, len(self.record.columns) + 1
        pages = await self._pages(reader, viewer_id, parents, window, params)
        return {parent: [(make(row), row[sort]) for row in rows] for parent, rows in pages.items()}

    async def _pages(
        self, reader: Reader, viewer_id: str, parents: Sequence[str], window: Window, params: Mapping[str, Any]
    ) -> dict[str, list[Row]]:
        """The rows of each parent: the record's columns, then the parent, then the sort value."""
        query = self.page_query(len(parents) > 1, window.after is not None)
        if window.after is not None:
            params = {**params, "after_value": window.after[0], "after_id": window.after[1]}
        pages: dict[str, list[Row]] = {parent: [] for parent in parents}
        parent = len(self.record.columns)
        for row in await reader.all(query, viewer_id=viewer_id, parents=parents, parent=parents[0], limit=window.limit, **params):
            pages[row[parent]].append(row)
        return pages

    async def count(self, reader: Reader, viewer_id: str, parents: Sequence[str], params: Mapping[str, Any]) -> dict[str, int]:
        """Returns the number of rows of each parent that has any."""
        rows = await reader.all(self.count_query(), viewer_id=viewer_id, parents=parents, **params)
        return dict(rows)  # type: ignore[arg-type]  # of pairs

    def count_query(self) -> Query:
        """Returns the query for the number of rows of each parent in `:parents`."""
        query = self._queries.get(None)
        if query is None:
            counts = self.base(self.parent, func.count()).where(is_one_of(self.parent, "parents")).group_by(self.parent)
            query = self._queries[None] = Query(counts)
        return query

    def page_query(self, many: bool, after: bool) -> Query:
        """Returns the query for a page of one parent or of `many`, from the beginning or `after` a position."""
        query = self._queries.get((many, after))
        if query is None:
            query = self._queries[many, after] = Query(self._select(many, after))
        return query

    def _select(self, many: bool, after: bool) -> Select[Any]:
        """One parent's rows come from an index up to the limit; those of many are numbered within each parent."""
        columns = [self.sort] if self.id is None else [self.sort, self.id]
        order = [column.desc() if self.descending else column.asc() for column in columns]
        limit = bindparam("limit", type_=Integer)
        statement = self.base(*self.record.columns, self.parent.label("parent"), self.sort.label("sort_value"))
        conditions = [self._is_after()] if after else []
        if not many:
            conditions += [self.parent == bindparam("parent"), *([] if self.of_one is None else [self.of_one])]
            if self.unjoined is None:
                return statement.where(*conditions).order_by(*order).limit(limit)
            chosen = self.unjoined(self.id).where(*conditions).order_by(*order).limit(limit)
            return statement.where(IsSelected(columns[-1], chosen)).order_by(*order)
        statement = statement.where(*conditions)
        row_number = func.row_number().over(partition_by=self.parent, order_by=order).label("row_number")
        numbered = statement.add_columns(row_number).where(is_one_of(self.parent, "parents")).subquery()
        return select(numbered).where(numbered.c.row_number <= limit).order_by(numbered.c.row_number)

    def _is_after(self) -> ColumnElement[bool]:
        position: ColumnElement[Any] = self.sort
        after: ColumnElement[Any] = bindparam("after_value", type_=self.sort.type)
        if self.id is not None:
            position, after = tuple_(position, self.id), tuple_(after, bindparam("after_id", type_=self.id.type))
        return position < after if self.descending else position > after
