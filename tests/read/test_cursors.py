"""Text that is no cursor of a list is the error BAD_CURSOR, whatever it is: never an internal error, and never a page."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.pagination import MAX_INTEGER, KeysetCursor
from resolvers.streams.sources import cursor_of
from schema.ids import encode
from services.domain.errors import BadArgument
from services.domain.events import Cursor
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker

OF_WORKSPACE = (
    'query ($after: Cursor, $id: ID!) { studio(id: $id) { id } of: workspace(by: {slug: "lab"}) { page: %s { edges { cursor } } } }'
)
OF_STUDIO = "query ($after: Cursor, $id: ID!) { of: studio(id: $id) { page: %s { edges { cursor } } } }"
PAGES = {
    "members": OF_WORKSPACE % "members(first: 1, after: $after)",
    "studios by name": OF_WORKSPACE % "studios(first: 1, after: $after)",
    "studios by time": OF_WORKSPACE % "studios(first: 1, after: $after, orderBy: {field: CREATED})",
    "sessions": OF_STUDIO % "sessions(first: 1, after: $after)",
    "checkpoints": OF_STUDIO % "checkpoints(first: 1, after: $after)",
}
"""A query for each list that goes on from a cursor with a sort value, by a name for it."""

EDGES: list[Any] = [
    {"t": "9999-12-31T23:59:59-23:59"},
    {"t": "0001-01-01T00:00:00+23:59"},
    {"t": "2026-01-31T12:00:00"},
    {"t": "2026-W05"},
    {"t": 1},
    {},
    [],
    None,
    True,
    1.5,
    MAX_INTEGER + 1,
    -(2**63) - 1,
    10**40,
    "\0",
    "\ud800",
]
"""Sort values that no list gives: at the edges of the calendar and of integers, and of other types."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["t", "x"]), inner, max_size=2),
    max_leaves=4,
)
offsets = st.sampled_from(["", "Z", "+00:00", "-23:59", "+23:59", "+24:00", "-00:00:01"])
times = st.builds(lambda moment, offset: {"t": moment.isoformat() + offset}, st.datetimes(), offsets)
values = times | json_values | st.sampled_from(EDGES)


def as_cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decoded(cursor: str, order: str, kind: type) -> KeysetCursor | None:
    """None for what is refused with the code BAD_CURSOR; any other error fails the test."""
    try:
        return KeysetCursor.decode(cursor, order, kind)
    except BadArgument as error:
        check_refusal(error)
        return None


def check_refusal(error: BadArgument) -> None:
    assert error.extensions == {"code": "BAD_CURSOR", "argument": "after"}


@given(st.text(max_size=60) | json_values.map(as_cursor), st.sampled_from([str, int, datetime]))
def test_text_that_is_no_cursor_is_refused_as_such(text: str, kind: type) -> None:
    assert decoded(text, "the order", kind) is None


@given(values, st.sampled_from([str, int, datetime]), st.text() | json_values)
def test_a_cursor_with_any_sort_value_is_refused_or_holds_what_a_database_can_compare(value: Any, kind: type, row_id: Any) -> None:
    key = decoded(as_cursor(["k1", "the order", value, row_id]), "the order", kind)
    if key is None:
        return
    assert type(key.value) is kind
    assert b"\0" not in f"{key.value}{key.id}".encode()
    if isinstance(key.value, datetime):
        assert key.value.tzinfo is UTC
    if isinstance(key.value, int):
        assert abs(key.value) <= MAX_INTEGER


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
"""What a database can hold."""


@given(st.datetimes(timezones=st.just(UTC)) | texts | st.integers(0, MAX_INTEGER))
def test_a_cursor_that_a_list_gave_is_read_again(value: Any) -> None:
    key = KeysetCursor("the order", value, "0" * 32)
    assert decoded(key.encode(), "the order", type(value)) == key


@given(st.text(max_size=60) | st.lists(st.text(st.characters(codec="ascii"), max_size=9), max_size=5).map(":".join))
def test_text_that_is_no_cursor_of_a_log_is_refused_as_such(text: str) -> None:
    for cursor in (text, base64.urlsafe_b64encode(f"e1:{text}".encode()).decode()):
        try:
            assert isinstance(cursor_of(cursor), Cursor)
        except BadArgument as error:
            check_refusal(error)


@pytest.mark.parametrize("query", PAGES.values(), ids=PAGES)
async def test_every_list_refuses_a_cursor_whose_sort_value_is_not_its_own(
    database: Database, world: World, asker: Asker, query: str
) -> None:
    studio_id = await factories.create_studio(database, world, "Analysis", session_number=1)
    await factories.create_session(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id)
    variables = {"id": encode("Studio", studio_id)}
    cursor = (await asker.data(world.viewer, query, **variables))["of"]["page"]["edges"][0]["cursor"]
    tag, order, _, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert (await asker.data(world.viewer, query, after=cursor, **variables))["of"]["page"]["edges"] == []
    for value in EDGES:
        reply = await asker.ask(world.viewer, query, after=as_cursor([tag, order, value, row_id]), **variables)
        assert reply.error == {"code": "BAD_CURSOR", "argument": "after"}, value
