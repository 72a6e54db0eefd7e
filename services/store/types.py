"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

SQLITE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UtcTime(TypeDecorator[datetime]):
    """An instant. `timestamptz` on PostgreSQL; on SQLite text of fixed width, so that it sorts and compares as time.

    Takes and gives aware datetimes only; a naive one is refused, since its meaning depends on the machine.
    """

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.strftime(SQLITE_FORMAT)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return utc_time(value)


def utc_time(value: Any) -> datetime | None:
    """An aware UTC datetime from what a raw driver gives for a `UtcTime` column (text, datetime or None)."""
    if value is None:
        return None
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value.astimezone(UTC)  # type: ignore[no-any-return]  # asyncpg gives an aware datetime


def json_value(value: Any) -> Any:
    """The value of a `Json` column as a raw driver gives it (text on both)."""
    return json.loads(value) if isinstance(value, str) else value


Json = JSON().with_variant(JSONB(), "postgresql")
"""Structured values that no query looks into."""
