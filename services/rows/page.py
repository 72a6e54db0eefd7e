"""The row classes of pages of connections (Relay)."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Encodable(Protocol):
    """A cursor of any kind."""

    def encode(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """A row with its cursor."""

    node: T
    cursor: Encodable


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Whether there are more rows, and the cursors of the first and last row of the page. Paging is forward only."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: Encodable | None
    end_cursor: Encodable | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of rows in order. `scope` names the whole list (a parent's id, or a selection), by which `totalCount` is counted on demand."""

    nodes: list[T]
    edges: list[Edge[T]]
    page_info: PageInfo
    scope: Any
