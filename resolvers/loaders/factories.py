"""Builds batch loaders of GraphQL fields from the read functions of the store."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from resolvers.batches import Load, LoadContext
from resolvers.pagination import KeysetCursor, PageArguments, make_page
from services.rows.page import Page
from services.store.db.database import Reader
from services.store.reads.listing import Window

T = TypeVar("T")
Read = Callable[[Reader, str, Sequence[str]], Awaitable[Mapping[str, T]]]
ReadPages = Callable[[Reader, str, Sequence[str], Window], Awaitable[Mapping[str, list[T]]]]


def unique(keys: Sequence[str]) -> list[str]:
    """Returns each key once, in their order."""
    return list(dict.fromkeys(keys))


def one_each(read: Read[T]) -> Load:
    """Returns a loader of the row of each key, or None."""

    async def load(context: LoadContext, keys: Sequence[str], _arguments: None) -> list[T | None]:
        rows = await read(context.reader, context.viewer.user_id, unique(keys))
        return [rows.get(key) for key in keys]

    return load


def list_each(read: Read[list[T]]) -> Load:
    """Returns a loader of the list of rows of each key."""

    async def load(context: LoadContext, keys: Sequence[str], _arguments: None) -> list[list[T]]:
        rows = await read(context.reader, context.viewer.user_id, unique(keys))
        return [rows.get(key, []) for key in keys]

    return load


def page_each(read: ReadPages[T], order: str, kind: type, value: Callable[[T], Any], row_id: Callable[[T], str]) -> Load:
    """Returns a loader of a page for each key. Its cursors hold the name of the order, the sort value (a `kind`) and the id of a row."""

    def key_of(row: T) -> KeysetCursor:
        return KeysetCursor(order, value(row), row_id(row))

    async def load(context: LoadContext, keys: Sequence[str], arguments: PageArguments) -> list[Page[T]]:
        window = window_of(arguments, order, kind)
        rows = await read(context.reader, context.viewer.user_id, unique(keys), window)
        return [make_page(rows[key], key_of, arguments, key) for key in keys]

    return load


def window_of(arguments: PageArguments, order: str, kind: type) -> Window:
    """Returns what to read for a page: one row more than the page has, to see whether others follow. Raises BadArgument."""
    after = KeysetCursor.decode(arguments.after, order, kind) if arguments.after is not None else None
    return Window(arguments.first + 1, (after.value, after.id) if after else None)


def total_each(read: Read[int]) -> Load:
    """Returns a loader of the length of each list that pages were taken from."""

    async def load(context: LoadContext, scopes: Sequence[str], _arguments: None) -> list[int]:
        numbers = await read(context.reader, context.viewer.user_id, unique(scopes))
        return [numbers.get(scope, 0) for scope in scopes]

    return load
