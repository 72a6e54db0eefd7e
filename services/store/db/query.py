"""Prepared reads: built once with SQLAlchemy Core, kept as text with array parameters, run on the raw driver (ADR 3)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import Boolean

from services.store.db.statement_counting import StatementCounters
from services.store.db.types import stored_time

Row = Sequence[Any]
_DIALECTS: dict[str, Callable[[], Dialect]] = {"postgresql": asyncpg.dialect, "sqlite": aiosqlite.dialect}


class IsOneOf(ColumnElement[bool]):
    """The condition that a column is in an array parameter: one text for any number of values, so that the statement stays prepared."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, name: str) -> None:
        self.column = column
        self.array: BindParameter[Any] = bindparam(name)

    def self_group(self, against: Any = None) -> "IsOneOf":
        """Returns itself: SQLAlchemy would write `(...) = 1` for SQLite, which hides the column from its indexes."""
        return self


def is_one_of(column: Any, name: str) -> IsOneOf:
    """Returns the condition that text `column` is one of the values of the array parameter `name`."""
    return IsOneOf(column, name)


@compiles(IsOneOf, "postgresql")
def _any(element: IsOneOf, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY(CAST({compiler.process(element.array, **kw)} AS TEXT[]))"


@compiles(IsOneOf, "sqlite")
def _json_each(element: IsOneOf, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} IN (SELECT value FROM json_each({compiler.process(element.array, **kw)}))"  # noqa: S608 - compiled SQL


class IsSelected(ColumnElement[bool]):
    """The condition that a column is one of the few values that a select gives, which are looked up one by one.

    For IN, PostgreSQL may read the whole table to compare it with them.
    """

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, values: Select[Any]) -> None:
        self.column = column
        self.values = values.correlate(None).scalar_subquery()


@compiles(IsSelected, "postgresql")
def _any_selected(element: IsSelected, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY(ARRAY{compiler.process(element.values, **kw)})"


@compiles(IsSelected, "sqlite")
def _in_select(element: IsSelected, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} IN {compiler.process(element.values, **kw)}"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A select whose variable parts are `bindparam`s, with values by name at each run. Each is made once, at module level."""

    select: Select[Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]


class Statements:
    """Compiles queries for one database, each once, and runs them."""

    def __init__(self, counters: StatementCounters) -> None:
        self._counters = counters
        self._compiled: dict[int, tuple[Query, _Compiled]] = {}

    async def fetch(self, connection: AsyncConnection, query: Query, params: Mapping[str, Any]) -> list[Row]:
        """Runs the query and returns all rows, as tuples of raw values."""
        compiled = self._compile(query, connection.dialect)
        self._counters.statement(compiled.text)
        values = {**compiled.constants, **params}
        arguments = [_driver_value(values[name], connection.dialect.name) for name in compiled.names]
        driver: Any = (await connection.get_raw_connection()).driver_connection
        if connection.dialect.name == "postgresql":
            return list(await driver.fetch(compiled.text, *arguments))
        return list(await driver.execute_fetchall(compiled.text, arguments))

    def _compile(self, query: Query, dialect: Dialect) -> _Compiled:
        entry = self._compiled.get(id(query))
        if entry is None:
            entry = self._compiled[id(query)] = (query, _compile(query.select, dialect.name))
        return entry[1]


def _compile(select: Select[Any], dialect_name: str) -> _Compiled:
    compiled = select.compile(dialect=_DIALECTS[dialect_name]())
    required = {bind.key for bind in compiled.binds.values() if bind.required}
    expanded = compiled.construct_expanded_state(dict.fromkeys(required))  # lists of constants become parameters
    constants = {name: value for name, value in expanded.parameters.items() if name not in required}
    return _Compiled(expanded.statement, tuple(expanded.positiontup or ()), constants)


def _driver_value(value: Any, dialect_name: str) -> Any:
    """Returns a parameter in the form that the raw driver takes."""
    if isinstance(value, datetime):
        return stored_time(value, dialect_name)
    if isinstance(value, list | tuple) and dialect_name == "sqlite":
        return json.dumps(value)
    return value
