"""Makes keyset pages of connections. A cursor holds the sort value and the id of its row."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from services.domain.errors import BadArgument
from services.rows.page import Edge, Page, PageInfo

DEFAULT_FIRST = 20
MAX_FIRST = 100
MAX_INTEGER = 2**31 - 1
"""The largest whole number in a cursor: what an integer column of PostgreSQL holds."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The arguments `first` and `after` of a connection. They are hashable, so that the same page of many parents is one batch."""

    first: int
    after: str | None


def page_arguments(first: int | None, after: str | None) -> PageArguments:
    """Returns the arguments. Without `after`, the page begins at the start. Raises BadArgument for a `first` beyond 1 to 100."""
    if first is None:
        first = DEFAULT_FIRST
    if not 1 <= first <= MAX_FIRST:
        raise BadArgument("first", "OUT_OF_RANGE", f"`first` must be 1 to {MAX_FIRST}. Use `after` to read on.")
    return PageArguments(first, after or None)


@dataclass(frozen=True, slots=True)
class KeysetCursor:
    """The position of a row in a list: the name of the order, the sort value (text, a whole number or a time), and the id of the row."""

    order: str
    value: Any
    id: str

    def encode(self) -> str:
        value = {"t": self.value.isoformat()} if isinstance(self.value, datetime) else self.value
        text = json.dumps(["k1", self.order, value, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, order: str, kind: type) -> Self:
        """Returns the cursor. Raises BadArgument unless `text` is a cursor of this order, whose value is of `kind`."""
        try:
            raw = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            tag, cursor_order, value, row_id = raw
            if tag != "k1" or cursor_order != order or not isinstance(row_id, str):
                raise ValueError(tag)
            return cls(order, _sort_value(value, kind), _storable(row_id))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError, binascii.Error) as error:
            raise bad_cursor() from error


def _sort_value(value: Any, kind: type) -> Any:
    """Returns the sort value that a cursor holds as JSON. Raises an error unless a database can compare it with a column of `kind`."""
    if kind is datetime:
        return _utc(value["t"])
    if type(value) is not kind:
        raise TypeError(kind)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise OverflowError(value)
    return _storable(value) if isinstance(value, str) else value


def _utc(text: str) -> datetime:
    """Raises OverflowError for a time that its offset moves out of the calendar, and ValueError for one without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def _storable(text: str) -> str:
    """Raises ValueError for text that is not UTF-8, or has the character NUL, which PostgreSQL refuses."""
    if b"\0" in text.encode():
        raise ValueError(text)
    return text


def bad_cursor() -> BadArgument:
    """Returns the error for an `after` that is not a cursor of the list."""
    message = "This is not a cursor of this list. Use one that the list returned in the same order, or omit `after`."
    return BadArgument("after", "BAD_CURSOR", message)


def make_page(rows: Sequence[T], key: Callable[[T], Any], arguments: PageArguments, scope: Any) -> Page[T]:
    """Returns the page made from up to `first` + 1 rows; the last one only shows that there are more."""
    nodes = list(rows[: arguments.first])
    edges = [Edge(node, key(node)) for node in nodes]
    info = PageInfo(
        has_next_page=len(rows) > arguments.first,
        has_previous_page=arguments.after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Page(nodes, edges, info, scope)
