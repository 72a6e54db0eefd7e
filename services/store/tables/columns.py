"""The columns that many tables share."""

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Text
from sqlalchemy import text as text_clause
from sqlmodel import Field, SQLModel

from services.store.db.types import Json, UtcTime

SQLModel.metadata.naming_convention = {  # a constraint without a name cannot be dropped by a later migration
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


def key() -> Any:
    """A primary key: text of 32 hexadecimal digits, made by `services.domain.ids.new_id`."""
    return Field(primary_key=True, max_length=32)


def reference(target: str, *, nullable: bool = False, index: bool = True) -> Any:
    """A foreign key to `table.column`. The row it refers to cannot be deleted while this row stands."""
    return Field(foreign_key=target, nullable=nullable, index=index, default=None if nullable else ..., max_length=32)


def time(*, nullable: bool = False, index: bool = False) -> Any:
    """An instant in UTC."""
    return Field(sa_type=UtcTime, nullable=nullable, index=index, default=None if nullable else ...)


def json(*, nullable: bool = False) -> Any:
    """A structured value that no query looks into."""
    return Field(sa_type=Json, nullable=nullable, default=None if nullable else ...)


def sort_key() -> Any:
    """The stored form of a name for comparing and sorting: bytewise, the same on both databases."""
    return Field(sa_type=Text().with_variant(Text(collation="C"), "postgresql"))


def text(*, nullable: bool = False, default: Any = ...) -> Any:
    """Text of any length; services check the length."""
    return Field(sa_type=Text, nullable=nullable, default=None if nullable else default)


def big(*, nullable: bool = False, default: Any = ...) -> Any:
    """A 64-bit integer."""
    return Field(sa_type=BigInteger, nullable=nullable, default=None if nullable else default)


def partial_index(name: str, *columns: str, where: str, sqlite_where: str | None = None) -> Index:
    """For `__table_args__`: an index of the rows `where` this holds alone. A statement must state the condition in the same words."""
    return Index(name, *columns, postgresql_where=text_clause(where), sqlite_where=text_clause(sqlite_where or where))


def one_of(column: str, words: type[Enum]) -> CheckConstraint:
    """For `__table_args__`: what `column` may hold is a closed set."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(word.value) for word in words)})", name=column)


__all__ = ["BigInteger", "big", "datetime", "json", "key", "one_of", "partial_index", "reference", "sort_key", "text", "time"]
