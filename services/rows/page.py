"""A page of a connection."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Encodable(Protocol):
    """A cursor of any kind."""

    def encode(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """A row and its place in the order."""

    node: T
    cursor: Encodable


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Whether there is more, and where to go on. Paging is forward only."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: Encodable | None
    end_cursor: Encodable | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in order. `scope` names what they were taken from (a parent's id, or a selection): the total is counted by it, if asked."""

    nodes: list[T]
    edges: list[Edge[T]]
    page_info: PageInfo
    scope: Any
