"""Maps the fields of a row class to the SQL columns they come from: what to select, and how an object is made from a row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, Union

from sqlalchemy import ColumnElement, Table

from services.store.db.query import Row


class RowClass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


T = TypeVar("T", bound=RowClass)


@dataclass(frozen=True, slots=True, eq=False)
class ConvertedColumns:
    """A field that `function` computes from the values of `columns`. If `keeps_null`, a null in the first of them gives None instead."""

    function: Callable[..., Any]
    columns: tuple[ColumnElement[Any], ...]
    keeps_null: bool = False


Source = Union[ColumnElement[Any], ConvertedColumns, "Record[Any]"]
"""What a field comes from: a column as it is, converted columns, or a record, whose object is the field's value."""


def converted(function: Callable[..., Any], *columns: ColumnElement[Any]) -> ConvertedColumns:
    """Returns the source of a field that `function` computes from the values of `columns`, nulls included."""
    return ConvertedColumns(function, columns)


def nullable(function: Callable[[Any], Any], column: ColumnElement[Any]) -> ConvertedColumns:
    """Returns the source of a field that is None where `column` is null, and `function` of its value otherwise."""
    return ConvertedColumns(function, (column,), keeps_null=True)


class Record(Generic[T]):
    """The mapping of a row class to SQL columns, with a source for each field of the class.

    `columns` are what a statement selects, in this order; more may follow them in a row. They include `keys`, which `keyed` and
    `grouped` may need although no field holds them. Raises TypeError if the sources are not those of the class's fields.
    """

    def __init__(self, row_class: type[T], /, *keys: ColumnElement[Any], **sources: Source) -> None:
        names = [field.name for field in fields(row_class)]
        if set(names) != set(sources):
            raise TypeError(f"only one of {row_class.__name__} and its record has {sorted(set(names) ^ set(sources))}")
        self.row_class = row_class
        self.sources = [sources[name] for name in names]
        compilation = _Compilation(keys)
        self.row: Callable[[Row], T] = compilation.function(self)
        """Returns the object of a row."""
        self.columns = tuple(compilation.columns)

    @classmethod
    def of_table(cls, row_class: type[T], table: Table, *keys: ColumnElement[Any], **sources: Source) -> Self:
        """Returns the record whose fields come from the table's columns of the same names, except for those in `sources`."""
        names = [field.name for field in fields(row_class)]
        return cls(row_class, *keys, **{name: sources[name] if name in sources else table.c[name] for name in names})

    def optional(self, row: Row | None) -> T | None:
        return None if row is None else self.row(row)

    def rows(self, rows: Iterable[Row]) -> list[T]:
        return [self.row(row) for row in rows]

    def keyed(self, rows: Iterable[Row], key: ColumnElement[Any]) -> dict[str, T]:
        """Returns the objects by the value of `key`, which is one of `columns`."""
        make, position = self.row, self.position(key)
        return {row[position]: make(row) for row in rows}

    def grouped(self, rows: Iterable[Row], key: ColumnElement[Any]) -> dict[str, list[T]]:
        """Returns the objects for each value of `key`, which is one of `columns`, in the order of the rows."""
        make, position = self.row, self.position(key)
        groups: dict[str, list[T]] = {}
        for row in rows:
            groups.setdefault(row[position], []).append(make(row))
        return groups

    def position(self, column: ColumnElement[Any]) -> int:
        """Returns where the column stands in a row. Raises ValueError if it is not one of `columns`."""
        position = _position(self.columns, column)
        if position is None:
            raise ValueError(f"{column} is no column of the record of {self.row_class.__name__}")
        return position


class _Compilation:
    """Compiles one function that makes an object from a row: as fast as if the positions were written by hand."""

    def __init__(self, keys: Iterable[ColumnElement[Any]]) -> None:
        self.columns: list[ColumnElement[Any]] = list(keys)
        self._constants: list[Any] = []

    def function(self, record: Record[Any]) -> Callable[[Row], Any]:
        expression = self._expression(record)
        parameters = ", ".join(f"c{number}" for number in range(len(self._constants)))
        code = compile(f"lambda {parameters}: lambda row: {expression}", f"<record of {record.row_class.__name__}>", "eval")
        function: Callable[[Row], Any] = eval(code)(*self._constants)  # noqa: S307 - its text consists of numbers, and of words from here
        return function

    def _expression(self, source: Source) -> str:
        if isinstance(source, Record):
            return f"{self._constant(source.row_class)}({', '.join(map(self._expression, source.sources))})"
        if isinstance(source, ConvertedColumns):
            values = [self._value(column) for column in source.columns]
            call = f"{self._constant(source.function)}({', '.join(values)})"
            return f"None if {values[0]} is None else {call}" if source.keeps_null else call
        return self._value(source)

    def _value(self, column: ColumnElement[Any]) -> str:
        return f"row[{_position_or_append(self.columns, column)}]"

    def _constant(self, value: Any) -> str:
        return f"c{_position_or_append(self._constants, value)}"


def _position(values: Sequence[Any], value: Any) -> int | None:
    """Returns the position of the same object: columns compare to SQL conditions."""
    return next((index for index, other in enumerate(values) if other is value), None)


def _position_or_append(values: list[Any], value: Any) -> int:
    position = _position(values, value)
    if position is None:
        values.append(value)
        return len(values) - 1
    return position
