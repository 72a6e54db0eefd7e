"""The custom GraphQL scalars."""

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
    raise ValueError("A DateTime is text in RFC 3339 with a time zone, such as 2026-01-31T12:00:00Z.")


def _cursor_out(value: str | Encodable) -> str:
    return value if isinstance(value, str) else value.encode()


def _cursor_in(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("A Cursor must be text.")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_SAFE_INTEGER:
        raise ValueError("A BigInt must be a whole number between -(2^53-1) and 2^53-1.")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time as text in the format RFC 3339, for example `2026-01-31T12:00:00.000Z`. Output is in UTC with "
        "milliseconds; input must have a time zone.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_time_out,
        parse_value=_time_in,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="The position of an item in a list or of an event in the event log. It is text without a meaning for clients: store "
        "it and pass it as `after`.",
        serialize=_cursor_out,
        parse_value=_cursor_in,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number from -(2^53-1) to 2^53-1, for bytes and offsets. JavaScript represents it exactly.",
        serialize=_integer,
        parse_value=_integer,
    ),
}
