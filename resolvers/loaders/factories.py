"""How loaders are made from reads."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from resolvers.batches import Load, Reading
from resolvers.pagination import Key, PageArguments, make_page
from services.rows.page import Page
from services.store.db.database import Reader
from services.store.reads.listing import Window

T = TypeVar("T")
Read = Callable[[Reader, str, Sequence[str]], Awaitable[Mapping[str, T]]]
ReadPages = Callable[[Reader, str, Sequence[str], Window], Awaitable[Mapping[str, list[T]]]]


def unique(keys: Sequence[str]) -> list[str]:
    """Each key once, in order."""
    return list(dict.fromkeys(keys))


def one_each(read: Read[T]) -> Load:
    """The row of each key, or None."""

    async def load(reading: Reading, keys: Sequence[str], _arguments: None) -> list[T | None]:
        found = await read(reading.reader, reading.viewer.user_id, unique(keys))
        return [found.get(key) for key in keys]

    return load


def list_each(read: Read[list[T]]) -> Load:
    """The rows of each key, none or more."""

    async def load(reading: Reading, keys: Sequence[str], _arguments: None) -> list[list[T]]:
        found = await read(reading.reader, reading.viewer.user_id, unique(keys))
        return [found.get(key, []) for key in keys]

    return load


def page_each(read: ReadPages[T], order: str, kind: type, value: Callable[[T], Any], row_id: Callable[[T], str]) -> Load:
    """A page for each key. The order is fixed: its name, and its rows' sort values (of `kind`) and ids, make the cursors."""

    def key_of(row: T) -> Key:
        return Key(order, value(row), row_id(row))

    async def load(reading: Reading, keys: Sequence[str], arguments: PageArguments) -> list[Page[T]]:
        window = window_of(arguments, order, kind)
        found = await read(reading.reader, reading.viewer.user_id, unique(keys), window)
        return [make_page(found[key], key_of, arguments, key) for key in keys]

    return load


def window_of(arguments: PageArguments, order: str, kind: type) -> Window:
    """What to read for a page: one row more than asked, to see whether there is more. Raises BadArgument."""
    after = Key.decode(arguments.after, order, kind) if arguments.after is not None else None
    return Window(arguments.first + 1, (after.value, after.id) if after else None)


def total_each(read: Read[int]) -> Load:
    """The total of the list that each page was taken from."""

    async def load(reading: Reading, scopes: Sequence[str], _arguments: None) -> list[int]:
        found = await read(reading.reader, reading.viewer.user_id, unique(scopes))
        return [found.get(scope, 0) for scope in scopes]

    return load
