"""Column types that behave the same on SQLite and PostgreSQL, and conversions of their raw values."""

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import JSON, DateTime, Dialect, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

SQLITE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UtcTime(TypeDecorator[datetime]):
    """A point in time: `timestamptz` on PostgreSQL; on SQLite text of fixed width, which sorts and compares as time.

    Values are aware datetimes; a naive one is refused, since its meaning depends on the machine.
    """

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return value if value is None else stored_time(value, dialect.name)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else utc_time(value)


def stored_time(value: datetime, dialect_name: str) -> Any:
    """Returns a time in the form that a raw driver takes. Raises ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    utc = value.astimezone(UTC)
    return utc if dialect_name == "postgresql" else utc.strftime(SQLITE_FORMAT)


def utc_time(value: Any) -> datetime:
    """Returns the aware UTC datetime of what a raw driver gives for a `UtcTime` column that is not null (text or a datetime)."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value.astimezone(UTC)  # type: ignore[no-any-return]  # asyncpg gives an aware datetime


def json_value(value: Any) -> Any:
    """Returns the list or object of what a raw driver gives for a `Json` column: text on SQLite, the value itself on PostgreSQL."""
    return orjson.loads(value) if isinstance(value, str) else value


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""Structured values that no query looks into. None is SQL's null, not JSON's."""
