"""The scalars of the contract."""

from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from services.rows.page import Encodable

Cursor = NewType("Cursor", str)
BigInt = NewType("BigInt", int)

MAX_SAFE_INTEGER = 2**53 - 1


def _time_out(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time_in(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("A DateTime is text such as 2026-01-31T12:00:00Z, with its zone.")


def _cursor_out(value: str | Encodable) -> str:
    return value if isinstance(value, str) else value.encode()


def _cursor_in(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("A Cursor is text.")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_SAFE_INTEGER:
        raise ValueError("A BigInt is a whole number between -(2^53-1) and 2^53-1.")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant: RFC 3339, in UTC, with milliseconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_time_out,
        parse_value=_time_in,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A place in an order; opaque. The cursor of an event can be the `after` of a stream.",
        serialize=_cursor_out,
        parse_value=_cursor_in,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="Bytes, offsets and counters: a whole number up to 2^53-1.",
        serialize=_integer,
        parse_value=_integer,
    ),
}
